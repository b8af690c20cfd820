"""The reading side: every page of the site as a Flask view over a Library. Never opens a store."""
