"""Where a dataset's bytes are: local files and buckets, as streams of Arrow record batches."""
