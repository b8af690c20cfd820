"""The steps that bring a PostgreSQL database to what the store expects; run by `python -m forms_api migrate`."""
