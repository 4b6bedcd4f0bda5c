"""The catalogue: who and what there is, under which rules, and which data are published."""
