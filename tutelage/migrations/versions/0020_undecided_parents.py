"""Iterations may train from an undecided challenger and are compared with the current policy."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    baseline = sa.Column("baseline_policy_id", sa.String(), nullable=False, server_default="")
    op.add_column("iteration", baseline)
    op.execute("UPDATE iteration SET baseline_policy_id = parent_policy_id")
    undecided: sa.Column[bool] = sa.Column(
        "build_on_undecided", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("schedule", undecided)
