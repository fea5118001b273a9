"""What chance alone would do: how surprising a window is, given the reference's own windows."""
