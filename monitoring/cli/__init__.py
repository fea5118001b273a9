"""The command line: its commands, and the terminal they are run in."""
