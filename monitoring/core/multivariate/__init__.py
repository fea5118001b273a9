"""Whether rows, all columns taken together, are like those of the reference."""
