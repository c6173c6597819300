"""Answers that call tools, and what the tools found."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("tool_calls", sa.JSON(), nullable=True))
    op.add_column("message", sa.Column("tool_call_id", sa.String(), nullable=True))
