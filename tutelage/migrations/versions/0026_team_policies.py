"""Policies of teams, and the iterations that train them."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policyversion", sa.Column("team_id", sa.String(), nullable=True))
    op.add_column("iteration", sa.Column("team_id", sa.String(), nullable=True))
