"""Why performance fell, and whether retraining is likely to help: from rows to a value with sentences."""
