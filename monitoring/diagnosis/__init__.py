"""The shell of a diagnosis: reads labelled rows, fits models on them, and hands numbers to core.diagnosis."""
