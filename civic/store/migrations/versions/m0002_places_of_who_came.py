"""Places stay with those who came, and with those who did not: the counters of rounds are counted again."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COUNT = """
UPDATE rounds r SET taken = (
    SELECT coalesce(sum(e.size), 0) FROM entries e
    WHERE e.subject = r.subject AND e.round = r.round AND e.state IN ({states}))
"""


def upgrade() -> None:
    """Count attended and absent entries as taken places."""
    op.execute(COUNT.format(states="'confirmed', 'offered', 'attended', 'absent'"))


def downgrade() -> None:
    """Count only entries that are still to come."""
    op.execute(COUNT.format(states="'confirmed', 'offered'"))
