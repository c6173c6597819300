"""Responses of a policy are found by their time, and words by plain quotation marks and dashes."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_SIGNS = {"'": "\u2018\u2019\u201a\u201b\u02bc", '"': "\u201c\u201d\u201e",
          "-": "\u2010\u2012\u2013\u2014\u2212"}  # fmt: skip


def upgrade() -> None:
    op.create_index("ix_message_policy_id_created_at", "message", ["policy_id", "created_at"])
    op.drop_index("ix_message_policy_id", "message")
    for name in ("user", "conversation", "message"):
        table = sa.table(name, sa.column("folded", sa.String))
        plain: sa.ColumnElement[str] = table.c.folded
        holds = []
        for sign, others in _SIGNS.items():
            for other in others:
                plain = sa.func.replace(plain, other, sign)
                holds.append(table.c.folded.contains(other))
        op.execute(table.update().where(sa.or_(*holds)).values(folded=plain))
