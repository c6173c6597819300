"""What a person or time can mend gives the job back; anything else ends it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from training.iteration.failures import handled
from tutelage.composition import Core, open_core
from tutelage.errors import Unavailable
from tutelage.iterations import iterations
from tutelage.iterations.iterations import Lease
from tutelage.settings import Settings
from tutelage.tables import Iteration, IterationState

AWAY = OperationalError("UPDATE iteration", {}, sqlite3.OperationalError("connection refused"))


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    core = open_core(Settings(data=tmp_path / "data"))
    yield core
    core.store.close()


@pytest.fixture
def lease(core: Core) -> Lease:
    with core.store.write() as session:
        iterations.request(session, "smoke", "policy-0000", "key", "ada")
        return iterations.lease(session, "iteration-0001", "one")


def row(core: Core) -> Iteration:
    with core.store.read() as session:
        return iterations.get(session, "iteration-0001")


def test_a_database_that_went_away_is_no_end(core: Core, lease: Lease) -> None:
    with (
        pytest.raises(Unavailable, match=r"database.*Complete stages are kept"),
        handled(core, lease),
    ):
        raise AWAY
    assert row(core).state == IterationState.RUNNING
    assert row(core).lease_owner is None
    assert "database" in row(core).reasons[0]


def test_one_that_stays_away_leaves_the_lease_to_end_by_itself(
    core: Core, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def away() -> Iterator[None]:
        raise AWAY
        yield

    with monkeypatch.context() as patched, pytest.raises(Unavailable):
        patched.setattr(core.store, "write", away)
        with handled(core, lease):
            raise AWAY
    assert row(core).state == IterationState.RUNNING
    assert row(core).lease_owner == "one"


def test_any_other_error_ends_it_with_its_reason(core: Core, lease: Lease) -> None:
    with pytest.raises(ZeroDivisionError), handled(core, lease):
        raise ZeroDivisionError("no luck")
    assert row(core).state == IterationState.FAILED
    assert row(core).reasons == ["ZeroDivisionError: no luck"]
