"""Alerts: from what verdicts say now to what is sent to whom, and why. Pure."""
