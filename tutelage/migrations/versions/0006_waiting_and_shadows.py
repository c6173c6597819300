"""How long answers took; what a reward model makes of shadows; which candidates a schedule tries."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("seconds", sa.Float(), nullable=True))
    for name in ("score", "shown_score"):
        op.add_column("shadowanswer", sa.Column(name, sa.Float(), nullable=True))
    op.add_column(
        "schedule", sa.Column("unproven", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("schedule", sa.Column("days", sa.Float(), nullable=False, server_default="14"))
