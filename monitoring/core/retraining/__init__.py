"""Retraining as pure values and functions: what is asked, what speaks against it, what is ordered, what came out."""
