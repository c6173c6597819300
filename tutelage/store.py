"""The store: transactions on SQLite (default) or PostgreSQL; the database URL chooses."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from enum import IntEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import sqlalchemy
from sqlalchemy import event
from sqlmodel import Session

from tutelage import extras
from tutelage.tables import Ordered, Searchable
from tutelage.text.folding import fold

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


P = ParamSpec("P")
T = TypeVar("T")
RETRIES = 5
POOL_SECONDS = 5  # for a connection
STATEMENT_SECONDS = 60
HANGING_SECONDS = STATEMENT_SECONDS + 5.0


class Lock(IntEnum):
    """Acts of one kind exclude each other; the numbers are PostgreSQL's advisory locks."""

    PRIVILEGED = 0x7475746C  # whatever the audit log records
    LABELING = 0x7475746D  # who takes and answers which task
    MIGRATION = 0x7475746E
    ELECTION = 0x7475746F
    NAMES = 0x74757470  # who is called what


def exclude(session: Session, lock: Lock) -> None:
    """Begin an act that reads, decides and writes: no other of its kind runs until the commit.

    What was read before is read again. SQLite's write transactions exclude each other anyway.
    """
    held = session.info.setdefault("locks", set())
    if lock in held or session.get_bind().dialect.name != "postgresql":
        return
    session.flush()
    session.execute(_LOCK, {"lock": int(lock)})
    for row in list(session.identity_map.values()):
        session.refresh(row)
    held.add(lock)


_LOCK = sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock)")


def clock(session: Session) -> float:
    """Unix seconds by the clock of the database, which is one for all processes."""
    if session.get_bind().dialect.name == "postgresql":
        now = "SELECT extract(epoch FROM clock_timestamp())"
    else:
        now = "SELECT (julianday('now') - 2440587.5) * 86400.0"
    return float(session.execute(sqlalchemy.text(now)).scalar_one())


def retried(act: Callable[P, T]) -> Callable[P, T]:
    """Let an act that opens its own transactions run again after PostgreSQL ended a deadlock."""

    @wraps(act)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for left in range(RETRIES, 0, -1):
            try:
                return act(*args, **kwargs)
            except sqlalchemy.exc.OperationalError as error:
                if not is_conflict(error) or left == 1:
                    raise
                time.sleep(random.uniform(0.01, 0.1))
        raise AssertionError("the last try returns or raises")

    return run


def is_conflict(error: sqlalchemy.exc.DBAPIError) -> bool:
    """Whether two transactions got in each other's way, so that the same again succeeds."""
    return getattr(error.orig, "sqlstate", None) in ("40001", "40P01")


class StoreError(Exception):
    """The database cannot be used; the message says what to do."""


class Store:
    """Opens sessions: ``with store.write() as session`` commits at the end or not at all.

    What ``write`` has committed survives kill -9 and power loss. SQLite runs in WAL mode, where one
    ``fsync`` serves all that committed while another ran. Writers take the lock at the start, so
    they wait for each other and never fail half-way with "database is locked".
    """

    def __init__(self, url: str) -> None:
        self.url = _with_driver(url)
        self.engine = _engine(self.url)
        # SQLite's own queue polls with pauses of up to 100 ms; threads of one process need not.
        in_turn = self.engine.dialect.name == "sqlite"
        self._writing: AbstractContextManager[Any] = threading.RLock() if in_turn else nullcontext()
        self._looking = ThreadPoolExecutor(1, "database-look")
        self._look: Future[bool] | None = None
        self._log = WriteAheadLog(f"{self.engine.url.database}-wal") if in_turn else None

    def migrate(self) -> None:
        """Bring the schema to the newest revision; nothing happens when it is there already."""
        from alembic import command

        config = _alembic()
        with self._opening():
            if self._is_current(config):
                return
            with self._unbounded().begin() as connection:
                if connection.dialect.name == "postgresql":  # one of several replicas migrates
                    connection.execute(_LOCK, {"lock": int(Lock.MIGRATION)})
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    def require_current(self) -> None:
        """Raises StoreError unless the schema is the newest; changes nothing."""
        with self._opening():
            if not self._is_current(_alembic()):
                raise StoreError(
                    f"The database {self.engine.url!r} is empty or was written by an older "
                    "tutelage. Start the service, or run `tutelage setup`: both upgrade it."
                )

    @contextmanager
    def _opening(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy.exc.OperationalError as error:
            raise StoreError(
                f"The database {self.engine.url!r} cannot be opened: {error.orig}. "
                "Check TUTELAGE_DATABASE_URL and the data folder."
            ) from error

    def _unbounded(self) -> sqlalchemy.Engine:
        """An engine for work that may take long."""
        if self.engine.dialect.name == "sqlite":
            return self.engine.execution_options(write=True)
        return sqlalchemy.create_engine(self.engine.url, poolclass=sqlalchemy.NullPool)

    def _is_current(self, config: "Config") -> bool:
        """Whether the schema is the newest. Raises StoreError when it is newer than we are."""
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        scripts = ScriptDirectory.from_config(config)
        with self.engine.connect() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
        if revision and revision not in {each.revision for each in scripts.walk_revisions()}:
            raise StoreError(
                f"This database was written by a newer tutelage (schema {revision}; this version "
                f"knows up to {scripts.get_current_head()}). Install the newer version again, or "
                "restore a backup."
            )
        return revision == scripts.get_current_head()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; rows stay usable after it."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are committed together when the block ends without an error."""
        engine = self.engine.execution_options(write=True)
        with (
            self._writing,
            WriteSession(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session
        if self._log:
            self._log.keep()

    def scrub(self) -> None:
        """Empty SQLite's log, which keeps what was deleted; while others read, it is done later."""
        if self._log:
            with closing(self.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def answers(self, seconds: float) -> bool:
        """Whether the database answers in time; a look that hangs is not begun twice."""
        if self._look is None or self._look.done():
            self._look = self._looking.submit(self._ask)
        try:
            return self._look.result(seconds)
        except TimeoutError:
            return False

    def _ask(self) -> bool:
        try:
            with self.read() as session:
                session.execute(sqlalchemy.text("SELECT 1"))
        except Exception:  # whatever keeps it from answering
            return False
        return True

    def connections_in_use(self) -> int:
        """Connections that sessions hold now."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, sqlalchemy.QueuePool) else 0

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


class WriteSession(Session):
    """Gives new rows their places in the order of writing, and those that move to the end.

    The words of rows that are searched are folded.
    """


def _fold_words(session: Session, *_: Any) -> None:
    for row in (*session.new, *session.dirty):
        if isinstance(row, Searchable) and row.folded != (folded := fold(row.words)):
            row.folded = folded


def _give_places(session: Session, *_: Any) -> None:
    waiting = [
        row for row in (*session.new, *session.dirty) if isinstance(row, Ordered) and not row.seq
    ]
    if waiting:
        for row, place in zip(waiting, _places(session.connection(), len(waiting)), strict=True):
            row.seq = place


def _places(connection: sqlalchemy.Connection, count: int) -> Iterable[int]:
    if connection.dialect.name == "postgresql":
        next_ = "SELECT nextval('placing_last_seq') FROM generate_series(1, :count)"
        return connection.execute(sqlalchemy.text(next_), {"count": count}).scalars().all()
    more = "UPDATE placing SET last = last + :count RETURNING last"
    last = connection.execute(sqlalchemy.text(more), {"count": count}).scalar_one()
    return range(last - count + 1, last + 1)


event.listen(WriteSession, "before_flush", _give_places)
event.listen(WriteSession, "before_flush", _fold_words)


class WriteAheadLog:
    """SQLite's log of commits, made durable for many writers at once (group commit).

    Under ``synchronous=NORMAL`` a commit is in the log but not yet on the disk.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._begun = self._ended = 0  # how often the log was flushed
        self._flushing = False

    def keep(self) -> None:
        """Return when all that was committed before this call is on the disk. Raises OSError."""
        with self._changed:
            mine = self._begun + 1  # one that begins from now on
            self._changed.wait_for(lambda: self._ended >= mine or not self._flushing)
            if self._ended >= mine:
                return
            self._begun, self._flushing = mine, True
        try:
            self._flush()
        finally:
            with self._changed:
                self._flushing = False
                self._changed.notify_all()

    def _flush(self) -> None:
        # The last connection to close empties the log and removes it.
        with suppress(FileNotFoundError), open(self._path, "rb") as log:
            os.fsync(log.fileno())
        with self._changed:
            self._ended = self._begun


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for another database."""
    parsed = sqlalchemy.make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _alembic() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _with_driver(url: str) -> str:
    """Name the PostgreSQL driver that we test with where the URL leaves it open."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            extras.require("postgres")
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def _engine(url: str) -> sqlalchemy.Engine:
    if not url.startswith("sqlite"):
        return _postgres(url)
    database = sqlalchemy.make_url(url).database
    if database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    arguments = {"timeout": 30, "check_same_thread": False}
    engine = sqlalchemy.create_engine(url, connect_args=arguments)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _postgres(url: str) -> sqlalchemy.Engine:
    """No statement, connection or wait for one is unbounded, also where the server hangs."""
    import psycopg

    class Bounded(psycopg.Connection[Any]):
        """A server that hangs answers no time-out of its own: the client ends the wait."""

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, timeout or HANGING_SECONDS)
            except psycopg.errors._WaitTimeout as error:
                self.close()
                raise psycopg.OperationalError("the database does not answer") from error

    engine = sqlalchemy.create_engine(
        url,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        pool_timeout=POOL_SECONDS,
        connect_args={
            "connect_timeout": POOL_SECONDS,
            "options": f"-c statement_timeout={STATEMENT_SECONDS}s "
            f"-c idle_in_transaction_session_timeout={4 * STATEMENT_SECONDS}s",
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, given: Any, named: Any) -> Any:
        return Bounded.connect(*given, **named)

    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin
    # What is deleted is overwritten, so that the file does not keep it.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sqlalchemy.Connection) -> None:
    write = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
