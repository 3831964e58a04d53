"""The sections of a report: each turns tables into rows that are ready to print."""
