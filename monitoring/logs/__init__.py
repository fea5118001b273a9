"""Log sources, and the one query that turns their rows into summaries."""
