"""Alerts: from what verdicts say to what people are told."""
