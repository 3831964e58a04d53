"""Sections of registry hives: each reads one topic below a root key and yields its events."""
