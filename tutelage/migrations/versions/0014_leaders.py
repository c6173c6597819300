"""Which process does a piece of background work for all."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leader",
        sa.Column("work", sa.String(), primary_key=True),
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
    )
