"""The native engine: exact integers by Polars, noise by OpenDP's constructors.

Modules load Polars and OpenDP, which must not run in a process that forks: they are imported where they are used,
never here.
"""
