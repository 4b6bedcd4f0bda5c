"""How losses add up, and whether a scope may pay one more."""
