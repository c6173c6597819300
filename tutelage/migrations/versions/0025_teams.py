"""Teams, their members, and the chats that belong to them."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "team",
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("ix_team_seq", "team", ["seq"])
    op.create_table(
        "membership",
        sa.Column("seq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_index("ix_membership_seq", "membership", ["seq"])
    op.create_index("ix_membership_team_id", "membership", ["team_id"])
    op.add_column("conversation", sa.Column("team_id", sa.String(), nullable=True))
    op.create_index("ix_conversation_team_id", "conversation", ["team_id"])
