"""SQL as a way to write a Plan: one SELECT with aggregates over one table. `select.py` says what is understood."""
