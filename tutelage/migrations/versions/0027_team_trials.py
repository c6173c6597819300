"""Trials and schedules of teams."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("experiment", sa.Column("team_id", sa.String(), nullable=True))
    op.create_index("ix_experiment_team_id", "experiment", ["team_id"])
    op.add_column("schedule", sa.Column("team_id", sa.String(), nullable=True))
