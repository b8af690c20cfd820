"""The PostgreSQL store: `PostgresStore(url)`, `migrate(url)`. Needs the packages of the extra `postgresql`."""

from civic.store.postgresql.connection import Limits
from civic.store.postgresql.schema import migrate
from civic.store.postgresql.store import PostgresStore

__all__ = ["Limits", "PostgresStore", "migrate"]
