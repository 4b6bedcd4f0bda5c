"""The gRPC services of the accountant's ledger side."""
