"""The half of the client that does no I/O: plans, payments, refusals, streams, views. Both transports share it."""
