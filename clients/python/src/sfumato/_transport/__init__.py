"""The half of the client that does I/O: a thin synchronous transport over gRPC."""
