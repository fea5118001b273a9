"""Champion against challenger on the same labelled rows, and a test that may be looked at at any time."""
