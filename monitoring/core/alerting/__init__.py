"""Alerts, from what verdicts say now to who is told: values and decisions, without I/O or a clock."""
