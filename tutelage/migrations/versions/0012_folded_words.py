"""Messages, titles and names are also kept folded, so that search is equal on every database."""

import sqlalchemy as sa
from alembic import op

from tutelage.text.folding import fold

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SEARCHED = {
    "user": "name || chr(10) || coalesce(login, '')",
    "conversation": "title",
    "message": "content",
}
AT_ONCE = 1000


def upgrade() -> None:
    for table, words in SEARCHED.items():
        op.add_column(table, sa.Column("folded", sa.String(), nullable=False, server_default=""))
        _fill(op.get_bind(), table, words)


def _fill(connection: sa.Connection, table: str, words: str) -> None:
    if connection.dialect.name == "sqlite":
        words = words.replace("chr(", "char(")
    some = sa.text(
        f'SELECT id, {words} FROM "{table}" WHERE id > :last ORDER BY id LIMIT {AT_ONCE}'
    )
    put = sa.text(f'UPDATE "{table}" SET folded = :folded WHERE id = :id')
    last = ""
    while rows := connection.execute(some, {"last": last}).all():
        connection.execute(put, [{"id": name, "folded": fold(text)} for name, text in rows])
        last = rows[-1][0]
