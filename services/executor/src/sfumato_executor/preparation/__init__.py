"""Once per data version: cast, mended, grouped by privacy unit, written as memory-mapped Arrow files.

Modules are imported where they are used, never here: they load Polars, which must not run in a process that forks.
"""
