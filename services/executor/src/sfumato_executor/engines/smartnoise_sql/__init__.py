"""SmartNoise-SQL as an engine: grouped counts, sums, means and variances of plain columns, asked in SQL."""
