"""The stages: each reads tables of earlier ones and writes its own; none calls another."""
