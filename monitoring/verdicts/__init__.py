"""From summaries to verdicts: pure functions, one family of checks a file."""
