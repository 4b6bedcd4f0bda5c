"""Copies of a whole store: catalogue, chains and what lies beside them, in one file that any store can take."""
