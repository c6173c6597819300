"""Rows have places in the order of writing, which the database gives; clocks decided before."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# table, key, when a row took its place
PLACED = [
    (name, "id", "created_at")
    for name in (
        "user", "apikey", "message", "feedback", "moderationrecord", "appeal", "moderationrules",
        "moderationheads", "labelingtask", "assignment", "experiment", "shadowanswer", "schedule",
        "iteration", "report", "erasure", "dataset", "storedcompletion",
    )
] + [
    ("conversation", "id", "updated_at"),
    ("policyversion", "id", "coalesce(promoted_at, created_at)"),
    ("share", "token", "created_at"),
    ("policypin", "user_id", "created_at"),
]


def upgrade() -> None:
    op.create_table("placing", sa.Column("last", sa.BigInteger(), primary_key=True))
    for table, _, _ in PLACED:
        op.add_column(table, sa.Column("seq", sa.BigInteger(), nullable=False, server_default="0"))
    rows = " UNION ALL ".join(
        f"SELECT '{table}' AS name, {key} AS row_id, {at} AS at FROM \"{table}\""
        for table, key, at in PLACED
    )
    op.execute(
        "CREATE TEMPORARY TABLE places AS "
        f"SELECT name, row_id, row_number() OVER (ORDER BY at, row_id) AS seq FROM ({rows}) AS r"
    )
    op.execute("CREATE INDEX places_by_row ON places (name, row_id)")
    for table, key, _ in PLACED:
        op.execute(
            f"UPDATE \"{table}\" SET seq = (SELECT places.seq FROM places "
            f"WHERE places.name = '{table}' AND places.row_id = \"{table}\".{key})"
        )
        op.create_index(f"ix_{table}_seq", table, ["seq"])
    last = "SELECT coalesce(max(seq), 0) FROM places"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"SELECT setval('placing_last_seq', ({last}) + 1)")
    else:
        op.execute(f"INSERT INTO placing (last) {last}")
    op.execute("DROP TABLE places")
