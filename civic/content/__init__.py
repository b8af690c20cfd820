"""What staff write: one notice, its form, its text, and every mistake in it. No store, no web."""
