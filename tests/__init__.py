"""A package, so that no library that installs a `tests` of its own takes the name."""
