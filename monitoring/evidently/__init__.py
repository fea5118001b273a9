"""Evidently, at arm's length: it takes 6 to 15 s to import, so nothing here imports it before it is needed."""
