"""The planned looks of a trial at its pairwise comparisons."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("experiment", sa.Column("looks", sa.JSON(), nullable=False, server_default="[]"))
