"""When a person copied an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("copied_at", sa.Float(), nullable=True))
