"""Writers of reports and exchange formats, from tables to bytes."""
