"""Fixtures that all tests share: a store on each database that we support, and a shared folder."""

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh store on SQLite and on PostgreSQL: the same tests hold on both."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    server = Store(request.getfixturevalue("postgres"))
    name = f"test_{secrets.token_hex(6)}"
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    url = server.engine.url.set(database=name).render_as_string(hide_password=False)
    store = Store(url)
    store.migrate()
    yield store
    store.close()
    server.close()
