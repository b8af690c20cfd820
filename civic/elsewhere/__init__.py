"""Elections of other cities. No files, no web."""
