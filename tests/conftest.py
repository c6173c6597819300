"""Fixtures that all tests share: a store on each database that we support, and a shared folder."""

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest
import sqlalchemy
from hypothesis import HealthCheck, settings

from tutelage.store import Store

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A test never fails because the machine is slow.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What is not part of the usual run, and how much of what is drawn at random."""
    parser.addoption("--screenshots", metavar="DIR", help="write a picture of every page there")
    parser.addoption("--engines", action="store_true", help="also drive Firefox and WebKit")
    parser.addoption("--requests", type=int, default=2, help="derived requests per operation")


@pytest.fixture(scope="session", autouse=True)
def new_databases_are_copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A SQLite file that does not exist begins as a copy of one whose schema is the newest: to run
    every migration takes a third of a second, and a thousand tests have a database of their own."""
    template = tmp_path_factory.mktemp("schema") / "tutelage.db"
    first = Store(f"sqlite:///{template}")
    first.migrate()
    first.close()
    migrate = Store.migrate

    def migrate_copy(store: Store) -> None:
        file = store.engine.url.database
        if store.engine.dialect.name == "sqlite" and file and not Path(file).exists():
            shutil.copyfile(template, file)
        migrate(store)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "migrate", migrate_copy)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A fresh SQLite store at the newest schema."""
    store = Store(f"sqlite:///{tmp_path / 'tutelage.db'}")
    store.migrate()
    yield store
    store.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the test run."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver brings PostgreSQL for tests")
    folder = Path(tempfile.mkdtemp(prefix="tutelage-postgres-"))
    server = pgserver.get_server(folder, cleanup_mode=None)
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    yield server.get_uri()
    postmaster = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGQUIT)  # at once: its files are thrown away
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def administered(postgres: str) -> Iterator[sqlalchemy.Connection]:
    """A connection to the server that creates databases."""
    server = Store(postgres)
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
    server.close()


def database(postgres: str, name: str) -> str:
    """The URL of one of the server's databases."""
    return sqlalchemy.make_url(postgres).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_schema(postgres: str) -> str:
    """The name of a database whose schema is the newest; tests copy it."""
    with administered(postgres) as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE migrated"))
    store = Store(database(postgres, "migrated"))
    store.migrate()
    store.close()
    return "migrated"


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The URL of a bucket of an S3 server that lives as long as the test run."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("tutelage")
        yield "s3://tutelage"
    server.stop()


@pytest.fixture
def artifacts(bucket: str) -> str:
    """The URL of an empty place in object storage."""
    return f"{bucket}/{secrets.token_hex(6)}"


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh store on SQLite and on PostgreSQL: the same tests hold on both."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    postgres, schema = map(request.getfixturevalue, ("postgres", "postgres_schema"))
    name = f"test_{secrets.token_hex(6)}"
    with administered(postgres) as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} TEMPLATE {schema}"))
    store = Store(database(postgres, name))
    yield store
    store.close()
