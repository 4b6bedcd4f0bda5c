"""Administration by declarative files: what they say, what would change, and how it is applied."""
