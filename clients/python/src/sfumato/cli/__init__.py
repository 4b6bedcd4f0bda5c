"""The command line `sfumato` (extra `cli`)."""
