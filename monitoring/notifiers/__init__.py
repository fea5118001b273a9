"""Ways to tell people: a channel a file, found by being there, and what an outgoing request may reach."""
