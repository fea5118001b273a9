"""Hands orders over to dispatchers, finds out what became of unclear ones, and looks at runs until they have ended.

Any number may run at once. An order is handed over once: before it goes, it is written down that it may have been taken
(`outbox.begin`), and what may have been taken is looked for and never blindly sent again, also by the next worker where
this one is killed.
"""
