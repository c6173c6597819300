"""How many thumbs an imported data set brought."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("thumbs", sa.Integer(), server_default="0", nullable=False))
