"""How Alembic runs the steps: on the connection that civic/store/postgresql/schema.py hands over."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
