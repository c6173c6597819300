"""Promotion and rollback move the one current policy."""

import pytest
from sqlmodel import select

from tutelage import audit
from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.experiments import experiments
from tutelage.iterations import iterations
from tutelage.policies import deployment
from tutelage.store import Store
from tutelage.tables import AuditEvent, PolicyState


@pytest.fixture
def three(any_store: Store) -> Store:
    with any_store.write() as session:
        for number in range(3):
            deployment.register(session, f"policy-{number:04d}", "digest")
    return any_store


def promote(store: Store, *ids: str) -> None:
    for policy_id in ids:
        with store.write() as session:
            deployment.promote(session, policy_id, "ada")


def rollback(store: Store) -> str:
    with store.write() as session:
        return deployment.rollback(session, "ada").id


def current(store: Store) -> str | None:
    with store.read() as session:
        version = deployment.current(session)
    return version.id if version else None


def test_registering_makes_a_candidate_and_nothing_current(three: Store) -> None:
    assert current(three) is None


def test_promotion_leaves_exactly_one_current(three: Store) -> None:
    promote(three, "policy-0000", "policy-0001")
    with three.read() as session:
        states = {version.id: version.state for version in deployment.versions(session)}
    assert states == {
        "policy-0000": PolicyState.RETIRED,
        "policy-0001": PolicyState.CURRENT,
        "policy-0002": PolicyState.CANDIDATE,
    }


def test_rollback_goes_further_back_each_time(three: Store) -> None:
    promote(three, "policy-0000", "policy-0001", "policy-0002")
    assert [rollback(three), rollback(three)] == ["policy-0001", "policy-0000"]
    with pytest.raises(Conflict, match="No previous policy"):
        rollback(three)


def test_promoting_the_current_policy_is_a_conflict(three: Store) -> None:
    promote(three, "policy-0000")
    with pytest.raises(Conflict):
        promote(three, "policy-0000")


def test_promoting_an_unknown_policy_names_it(three: Store) -> None:
    with pytest.raises(NotFound, match="policy-0009"):
        promote(three, "policy-0009")


def test_every_move_is_in_the_audit_log(three: Store) -> None:
    promote(three, "policy-0000", "policy-0001")
    rollback(three)
    with three.read() as session:
        assert audit.verify(session) == []


def test_failing_an_accepted_report_is_explained_or_waits(three: Store) -> None:
    with three.write() as session:
        iteration = iterations.request(session, "smoke", "policy-0000", "key", "ada")
        iteration.metrics = {"failed_cases": ["report_1"]}
        deployment.register(session, "policy-0003", "digest", iteration_id=iteration.id)
    with pytest.raises(Invalid, match=r"accepted reports \(report_1\).*explanation"):
        promote(three, "policy-0003")
    promote(three, "policy-0000")
    with pytest.raises(Invalid, match="explanation"), three.write() as session:
        experiments.start(session, "policy-0003", "ada")
    with three.write() as session:
        experiments.start(session, "policy-0003", "ada", explanation="The report was a joke.")
        deployment.promote(session, "policy-0003", "ada", "The report was a joke.")
        told = [event.details.get("explanation") for event in session.exec(select(AuditEvent))]
    assert told.count("The report was a joke.") == 2
