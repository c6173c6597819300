"""The iteration's row is a job that exactly one worker holds."""

import pytest

from tutelage.errors import Conflict, NotFound
from tutelage.iterations import iterations
from tutelage.iterations.iterations import Lease
from tutelage.store import Store
from tutelage.tables import IterationState


@pytest.fixture
def queued(any_store: Store) -> str:
    with any_store.write() as session:
        return iterations.request(session, "smoke", "policy-0000", "key", "ada").id


def take(store: Store, iteration_id: str, owner: str, now: float | None = None) -> Lease:
    with store.write() as session:
        return iterations.lease(session, iteration_id, owner, now)


def test_requesting_twice_is_requesting_once(any_store: Store, queued: str) -> None:
    with any_store.write() as session:
        assert iterations.request(session, "smoke", "policy-0000", "key", "ada").id == queued


def test_only_one_iteration_is_under_way(any_store: Store, queued: str) -> None:
    with any_store.write() as session, pytest.raises(Conflict, match="already"):
        iterations.request(session, "smoke", "policy-0000", "other", "ada")


def test_a_held_lease_keeps_others_out(any_store: Store, queued: str) -> None:
    take(any_store, queued, "one")
    with pytest.raises(Conflict, match=r"already running \(worker one\)"):
        take(any_store, queued, "two")


def test_a_lapsed_lease_is_taken_over_and_the_old_holder_fenced(
    any_store: Store, queued: str
) -> None:
    old = take(any_store, queued, "one", now=0.0)
    take(any_store, queued, "two")
    with any_store.write() as session, pytest.raises(Conflict, match="lost"):
        iterations.heartbeat(session, old)


def test_cancelling_fences_the_worker(any_store: Store, queued: str) -> None:
    held = take(any_store, queued, "one")
    with any_store.write() as session:
        iterations.cancel(session, queued, "ada")
    with any_store.write() as session, pytest.raises(Conflict, match="cancelled"):
        iterations.amend(session, held, policy_id="policy-0001")


def test_finishing_keeps_decision_and_reasons(any_store: Store, queued: str) -> None:
    held = take(any_store, queued, "one")
    with any_store.write() as session:
        iterations.finish(session, held, IterationState.REFUSED, "refuse", ["too long"])
    with any_store.read() as session:
        row = iterations.get(session, queued)
    assert (row.state, row.decision, row.reasons) == ("refused", "refuse", ["too long"])
    with pytest.raises(Conflict):
        take(any_store, queued, "one")


def test_a_released_lease_can_be_taken_at_once(any_store: Store, queued: str) -> None:
    held = take(any_store, queued, "one")
    with any_store.write() as session:
        iterations.release(session, held)
    assert take(any_store, queued, "two").fencing_token == held.fencing_token + 1


def test_an_unknown_iteration_is_named(any_store: Store) -> None:
    with any_store.read() as session, pytest.raises(NotFound, match="iteration-0042"):
        iterations.get(session, "iteration-0042")
