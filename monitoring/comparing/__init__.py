"""The shell of a comparison: reads the rows of two versions, pairs them, and hands them to core.comparison."""
