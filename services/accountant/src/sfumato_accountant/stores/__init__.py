"""Where the accountant keeps its chains and records: ports, and an adapter for each database."""
