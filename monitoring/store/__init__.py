"""The database: tables, reads that return values, writes that take part in the caller's transaction."""
