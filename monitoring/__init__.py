"""Leeway: how far each deployed model has drifted, and how much error budget it has left."""

__version__ = "0.1.0"
