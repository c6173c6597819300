"""Two replicas at one moment: acts that read, decide and write exclude each other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import Session, select

from tutelage.errors import TutelageError
from tutelage.experiments import experiments
from tutelage.feedback.feedback import FeedbackKind
from tutelage.iterations import iterations
from tutelage.labeling import labeling
from tutelage.people import accounts, people
from tutelage.policies import deployment
from tutelage.store import Store
from tutelage.tables import (
    Assignment,
    Experiment,
    ExperimentState,
    Iteration,
    PolicyState,
    PolicyVersion,
    Role,
    User,
)

AT_ONCE = 6


def race(store: Store, *acts: Callable[[Session], object]) -> list[object]:
    """Run all acts at one moment, each in its own transaction; what each gave or raised."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[Session], object]) -> object:
        start.wait()
        try:
            with store.write() as session:
                return act(session)
        except TutelageError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def successes(results: list[object]) -> list[object]:
    return [each for each in results if not isinstance(each, TutelageError)]


@pytest.fixture
def policies(any_store: Store) -> list[str]:
    names = [f"policy-000{number}" for number in range(AT_ONCE + 1)]
    with any_store.write() as session:
        for name in names:
            deployment.register(session, name, "0" * 64)
        deployment.promote(session, names[0], "op")
    return names


def test_one_policy_is_current_after_promotions_at_once(
    any_store: Store, policies: list[str]
) -> None:
    acts = [lambda s, name=name: deployment.promote(s, name, "op") for name in policies[1:]]
    race(any_store, *acts)
    with any_store.read() as session:
        current = PolicyVersion.state == PolicyState.CURRENT
        assert len(session.exec(select(PolicyVersion).where(current)).all()) == 1


def test_one_experiment_runs(any_store: Store, policies: list[str]) -> None:
    acts = [lambda s, name=name: experiments.start(s, name, "op") for name in policies[1:]]
    assert len(successes(race(any_store, *acts))) == 1
    with any_store.read() as session:
        running = Experiment.state == ExperimentState.RUNNING
        assert len(session.exec(select(Experiment).where(running)).all()) == 1


def test_one_iteration_is_under_way(any_store: Store) -> None:
    acts = [
        lambda s, key=key: iterations.request(s, "smoke", "policy-0000", f"key-{key}", "op")
        for key in range(AT_ONCE)
    ]
    assert len(successes(race(any_store, *acts))) == 1
    with any_store.read() as session:
        assert len(session.exec(select(Iteration)).all()) == 1


def test_one_worker_gets_the_lease(any_store: Store) -> None:
    with any_store.write() as session:
        name = iterations.request(session, "smoke", "policy-0000", "key", "op").id
    acts = [lambda s, who=who: iterations.lease(s, name, f"host/{who}") for who in range(AT_ONCE)]
    assert len(successes(race(any_store, *acts))) == 1


def test_an_operator_remains(any_store: Store) -> None:
    with any_store.write() as session:
        operators = [people.create_user(session, f"op{n}", Role.OPERATOR) for n in range(AT_ONCE)]
    acts = [lambda s, who=who: accounts.set_role(s, who.id, Role.USER, "op") for who in operators]
    race(any_store, *acts)
    with any_store.read() as session:
        assert len(session.exec(select(User).where(User.role == Role.OPERATOR)).all()) == 1


def test_a_link_signs_in_once(any_store: Store) -> None:
    with any_store.write() as session:
        secret = people.create_link(session, people.create_user(session, "ada"))
    results = race(any_store, *[lambda s: people.exchange_link(s, secret)] * AT_ONCE)
    assert len(successes(results)) == 1


def test_a_name_is_given_once_and_the_others_are_told(any_store: Store) -> None:
    password_hash = accounts.new_hash("ada", "a long enough secret")
    results = race(any_store, *[lambda s: accounts.sign_up(s, "ada", password_hash)] * AT_ONCE)
    assert len(successes(results)) == 1
    assert all("taken" in str(each) for each in results if isinstance(each, TutelageError))


def test_names_that_look_alike_are_given_once(any_store: Store) -> None:
    alike = ["ada", "Ada", "adа", "аda", "ada "]
    acts = [lambda s, name=name: accounts.sign_up(s, name, "hash") for name in alike]
    assert len(successes(race(any_store, *acts))) == 1


def test_a_shown_name_is_given_once(any_store: Store) -> None:
    with any_store.write() as session:
        users = [accounts.sign_up(session, f"person{n}", "hash") for n in range(AT_ONCE)]
    acts = [lambda s, who=who: accounts.rename(s, s.get(User, who.id), "Grace") for who in users]
    assert len(successes(race(any_store, *acts))) == 1


def test_a_persons_first_visits_make_one_account(any_store: Store) -> None:
    visit = [lambda s: accounts.by_identity(s, "https://id", "7", "Ada")] * AT_ONCE
    assert len(successes(race(any_store, *visit))) == AT_ONCE
    with any_store.read() as session:
        assert len(session.exec(select(User)).all()) == 1


def test_a_task_is_taken_as_often_as_it_is_wanted(any_store: Store) -> None:
    with any_store.write() as session:
        labelers = [people.create_user(session, f"l{n}", Role.LABELER) for n in range(AT_ONCE)]
        labeling.add_task(session, FeedbackKind.DEMONSTRATION, "A prompt", None, overlap=1)
    acts = [
        lambda s, who=who: labeling.take(s, who, FeedbackKind.DEMONSTRATION, 0) for who in labelers
    ]
    race(any_store, *acts)
    with any_store.read() as session:
        assert len(session.exec(select(Assignment)).all()) == 1


def test_a_key_is_not_given_to_a_person_of_that_name(any_store: Store) -> None:
    with any_store.write() as session:
        guest = people.create_user(session, "laptop")
        account = accounts.sign_up(session, "laptop", "hash")
        people.create_key(session, account, "mine", actor=account.id)
        first = people.key_owner(session, "laptop", Role.USER)
        people.create_key(session, first, "laptop", actor="cli")
        second = people.key_owner(session, "laptop", Role.USER)
    assert first.id not in (guest.id, account.id)
    assert second.id == first.id
