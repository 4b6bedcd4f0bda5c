"""JSON of the wire, for scripts/admin."""
