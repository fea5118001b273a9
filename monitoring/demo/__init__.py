"""The demo fleet: real logs laid down and replayed, and the versions that answer them."""
