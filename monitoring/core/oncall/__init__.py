"""Who is on call: rotations handed over at wall time, overrides that beat them, and the gaps that are left."""
