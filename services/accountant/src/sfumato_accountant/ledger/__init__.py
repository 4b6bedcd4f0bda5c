"""The ledger: one append-only chain per population, the fold over it, and what is decided against that fold."""
