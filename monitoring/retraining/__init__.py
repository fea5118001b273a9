"""The shell of retraining: what is asked for, what people decide, how candidates compare, and who is told."""
