"""Experiments, pins, shadow answers, schedules, webhooks; retries of iterations; triaged reports."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT, NUMBER, JSON = sa.String(), sa.Float(), sa.JSON(none_as_null=True)


def required(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    op.create_table(
        "experiment",
        *(required(n, TEXT) for n in ("id", "kind", "state", "policy_id", "control_id")),
        required("share", NUMBER),
        required("side_by_side", sa.Boolean()),
        required("automatic", sa.Boolean()),
        *(required(n, JSON) for n in ("rules", "verdict", "reasons")),
        required("started_by", TEXT),
        required("created_at", NUMBER),
        sa.Column("ended_at", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_experiment_state", "experiment", ["state"])
    op.create_index("ix_experiment_policy_id", "experiment", ["policy_id"])
    op.create_table(
        "policypin",
        required("user_id", TEXT),
        required("policy_id", TEXT),
        required("created_at", NUMBER),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "shadowanswer",
        *(required(n, TEXT) for n in ("id", "experiment_id", "message_id", "policy_id", "content")),
        sa.Column("finish_reason", TEXT, nullable=True),
        required("action", TEXT),
        required("created_at", NUMBER),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_shadowanswer_experiment_id", "shadowanswer", ["experiment_id"])
    op.create_index("ix_shadowanswer_message_id", "shadowanswer", ["message_id"])
    op.create_table(
        "schedule",
        *(required(n, TEXT) for n in ("id", "author_id", "preset", "cron")),
        required("feedback", sa.Integer()),
        required("canary", sa.Boolean()),
        required("share", NUMBER),
        required("keep", sa.Integer()),
        required("enabled", sa.Boolean()),
        required("created_at", NUMBER),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "delivery",
        required("url_sha256", TEXT),
        required("seq", sa.Integer()),
        required("failures", sa.Integer()),
        required("retry_at", NUMBER),
        sa.PrimaryKeyConstraint("url_sha256"),
    )
    op.add_column("iteration", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("iteration", sa.Column("retry_at", NUMBER, nullable=False, server_default="0"))
    op.add_column("report", sa.Column("rubric", JSON, nullable=True))
    op.add_column("report", sa.Column("duplicate_of", TEXT, nullable=True))
    op.add_column("report", sa.Column("credit", TEXT, nullable=False, server_default=""))
    op.add_column("report", sa.Column("note", TEXT, nullable=False, server_default=""))
