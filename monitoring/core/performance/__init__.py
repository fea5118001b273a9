"""Realised performance, from mergeable counts of scores, predictions and labels."""
