"""Accounts, quotas, shared links, labeling tasks and erasures."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Only columns are added: SQLite would make the table anew for anything else, and dropping the
    # old one deletes what hangs from it.
    op.add_column("user", sa.Column("login", sa.String(), nullable=True))
    op.add_column("user", sa.Column("password_hash", sa.String(), nullable=True))
    op.add_column("user", sa.Column("disabled_at", sa.Float(), nullable=True))
    op.add_column("user", sa.Column("quota", sa.JSON(none_as_null=True), nullable=True))
    op.create_index("ix_user_login", "user", ["login"], unique=True)
    op.add_column("apikey", sa.Column("scopes", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("apikey", sa.Column("expires_at", sa.Float(), nullable=True))
    op.add_column(
        "conversation", sa.Column("purpose", sa.String(), nullable=False, server_default="chat")
    )
    op.add_column("conversation", sa.Column("pinned_at", sa.Float(), nullable=True))
    op.add_column("conversation", sa.Column("origin_id", sa.String(), nullable=True))
    op.create_index("ix_conversation_origin_id", "conversation", ["origin_id"])
    _labeling()
    _new_tables()


def _labeling() -> None:
    for column in (
        sa.Column("source", sa.String(), nullable=False, server_default="chat"),
        sa.Column("overlap", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("priority", sa.Float(), nullable=False, server_default="0"),
        sa.Column("samplings", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ready_at", sa.Float(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
    ):
        op.add_column("labelingtask", column)
    op.add_column(
        "assignment", sa.Column("instructions", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column("assignment", sa.Column("seconds", sa.Float(), nullable=True))


def _new_tables() -> None:
    op.create_table(
        "identity",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_identity_user_id", "identity", ["user_id"])
    op.create_table(
        "usage",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "day"),
    )
    op.create_table(
        "share",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("leaf_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["leaf_id"], ["message.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index("ix_share_conversation_id", "share", ["conversation_id"])
    op.create_index("ix_share_leaf_id", "share", ["leaf_id"])
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("conversations", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("feedback", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("policies", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("iteration_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
