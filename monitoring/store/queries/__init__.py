"""What pages ask: each function one question, answered with values that can be cached."""
