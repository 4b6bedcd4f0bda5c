"""The engine `diffprivlib`: pipelines of IBM's Diffprivlib, whose noisy parameters a client makes an estimator of."""
