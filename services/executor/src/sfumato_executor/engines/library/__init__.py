"""What engines share that run a library as it is: rows to feed it, a confined process, the price of its guarantee."""
