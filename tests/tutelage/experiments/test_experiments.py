"""Trials: who meets which policy, what is made of it, and when the rules decide."""

import time
from typing import Any

import pytest
from sqlmodel import Session

from tutelage.chat import conversations
from tutelage.errors import Conflict, Invalid
from tutelage.experiments import experiments, leaderboard, looks, outcomes
from tutelage.experiments.experiments import Rules, place
from tutelage.experiments.leaderboard import PairwiseComparison, board
from tutelage.feedback import feedback
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.store import Store
from tutelage.tables import (
    Experiment,
    ExperimentKind,
    ExperimentState,
    FeedbackKind,
    Message,
    PolicyState,
    PolicyVersion,
    User,
)

OLD, NEW = "policy-0000", "policy-0001"


@pytest.fixture
def tried(any_store: Store) -> Store:
    """Two policies, the newer one on trial for half of the people."""
    with any_store.write() as session:
        for name in (OLD, NEW):
            deployment.register(session, name, "0" * 64)
        deployment.promote(session, OLD, "test")
        experiments.start(session, NEW, "test", share=0.5)
    return any_store


def experiment(session: Session) -> Experiment:
    return experiments.listed(session)[0]


def state(store: Store, name: str = NEW) -> PolicyState:
    with store.read() as session:
        return PolicyState(session.get_one(PolicyVersion, name).state)


def answer(session: Session, user: User, policy: str, text: str = "Yes.", **facts: Any) -> Message:
    conversation = conversations.start(session, user.id, True)
    prompt = conversations.append(session, conversation, None, "user", "Is it?")
    return conversations.append(
        session, conversation, prompt.id, "assistant", text,
        policy_id=policy, **{"finish_reason": "stop"} | facts,
    )  # fmt: skip


def thumbs(store: Store, policy: str, people_count: int, up: int) -> None:
    """Everybody judges one answer; ``up`` of them like it."""
    with store.write() as session:
        for number in range(people_count):
            user = people.create_user(session, f"{policy} {number}")
            said = answer(session, user, policy)
            value = {"value": "up" if number < up else "down"}
            feedback.record(session, user.id, FeedbackKind.THUMBS, [said], value, said.id)


def judged(store: Store, days: float = 0.0, **rules: float) -> Experiment:
    with store.write() as session:
        row = experiment(session)
        row.rules = row.rules | rules
        session.add(row)
        return experiments.judge(session, row.id, now=row.created_at + days * experiments.DAY)


def test_a_place_is_sticky_and_even() -> None:
    places = [place("exp", f"user{i}") for i in range(2000)]
    assert places == [place("exp", f"user{i}") for i in range(2000)]
    assert 0.46 < sum(p < 0.5 for p in places) / 2000 < 0.54


def test_a_larger_share_takes_nobody_back(tried: Store) -> None:
    names = [f"user{i}" for i in range(300)]
    with tried.write() as session:
        before = experiments.routing(session)
        met = {n for n in names if before.policy_for(n)}
        experiments.set_share(session, experiment(session).id, 0.8, "ada")
        after = experiments.routing(session)
    assert met < {n for n in names if after.policy_for(n)}


def test_pinned_people_always_meet_their_policy(tried: Store) -> None:
    with tried.write() as session:
        users = [people.create_user(session, f"u{i}") for i in range(20)]
        for i, user in enumerate(users):
            experiments.pin(session, user.id, NEW if i % 2 else OLD, "ada")
        routing = experiments.routing(session)
        assert [routing.policy_for(u.id) for u in users] == [None, NEW] * 10
        experiments.unpin(session, users[0].id, "ada")
        with pytest.raises(Invalid, match="is not being served"):
            experiments.pin(session, users[0].id, "policy-0009", "ada")


def test_one_trial_at_a_time(tried: Store) -> None:
    with tried.write() as session, pytest.raises(Conflict, match="already on trial"):
        experiments.start(session, NEW, "ada")


def test_liked_better_is_promoted(tried: Store) -> None:
    thumbs(tried, OLD, 60, 20)
    thumbs(tried, NEW, 60, 52)
    ended = judged(tried)
    assert (ended.state, state(tried)) == (ExperimentState.PROMOTED, PolicyState.CURRENT)
    assert "certainly better" in ended.reasons[0]
    assert state(tried, OLD) == PolicyState.RETIRED


def test_liked_less_is_rolled_back(tried: Store) -> None:
    thumbs(tried, OLD, 60, 52)
    thumbs(tried, NEW, 60, 20)
    ended = judged(tried)
    assert (ended.state, state(tried)) == (ExperimentState.ROLLED_BACK, PolicyState.REJECTED)
    with tried.read() as session:
        assert experiments.routing(session).challenger is None


def test_answers_that_break_off_roll_it_back(tried: Store) -> None:
    with tried.write() as session:
        for number in range(80):
            user = people.create_user(session, f"u{number}")
            answer(session, user, OLD)
            answer(session, user, NEW, finish_reason="error" if number % 2 else "stop")
    ended = judged(tried)
    assert ended.state == ExperimentState.ROLLED_BACK
    assert "Error rate" in ended.reasons[0]


def test_answers_that_take_too_long_roll_it_back(tried: Store) -> None:
    with tried.write() as session:
        for number in range(80):
            user = people.create_user(session, f"u{number}")
            answer(session, user, OLD, seconds=4.0)
            answer(session, user, NEW, seconds=30.0 if number % 2 else 4.0)
    ended = judged(tried, slow=20.0)
    assert ended.state == ExperimentState.ROLLED_BACK
    assert "Slow response rate" in ended.reasons[0]


def test_too_long_is_twice_what_was_usual_before(any_store: Store) -> None:
    with any_store.write() as session:
        user = people.create_user(session, "ada")
        assert outcomes.patience(session, OLD) == outcomes.PATIENCE
        for number in range(30):
            answer(session, user, OLD, seconds=float(number % 10))
            answer(session, user, NEW, seconds=100.0)
            answer(session, user, OLD)  # kept before seconds were
        assert 16.0 <= outcomes.patience(session, OLD) <= 18.0


def test_little_is_no_verdict(tried: Store) -> None:
    thumbs(tried, OLD, 10, 0)
    thumbs(tried, NEW, 10, 10)
    assert judged(tried).state == ExperimentState.RUNNING


def test_without_automatic_rules_it_only_tells(tried: Store) -> None:
    thumbs(tried, OLD, 60, 52)
    thumbs(tried, NEW, 60, 20)
    with tried.write() as session:
        row = experiment(session)
        row.automatic = False
        session.add(row)
    found = judged(tried)
    assert found.state == ExperimentState.RUNNING
    assert found.verdict["liked"]["high"] < 0


def test_time_ends_it_undecided(tried: Store) -> None:
    with tried.write() as session:
        ended = experiments.judge(session, experiment(session).id, now=time.time() + 15 * 86400)
    assert (ended.state, state(tried)) == (ExperimentState.STOPPED, PolicyState.CANDIDATE)


def test_a_promotion_by_hand_overtakes_it(tried: Store) -> None:
    with tried.write() as session:
        deployment.register(session, "policy-0002", "0" * 64)
        deployment.promote(session, "policy-0002", "ada")
        assert experiments.routing(session).challenger is None
        assert experiments.judge(session, experiment(session).id).state == ExperimentState.STOPPED


def test_a_shadow_answers_nobody(tried: Store) -> None:
    with tried.write() as session:
        experiments.stop(session, experiment(session).id, "ada", [])
        experiments.start(session, NEW, "ada", ExperimentKind.SHADOW, share=1.0)
        routing = experiments.routing(session)
    assert routing.challenger == NEW and routing.shadowed("msg_1")
    assert routing.policy_for("anybody") is None
    assert not routing.side_by_side("anybody", True, 2)


def duels(store: Store, count: int, lost_each: int) -> None:
    """As many people rank both policies' answers; each ``lost_each``-th prefers the old one's."""
    with store.write() as session:
        for number in range(count):
            user = people.create_user(session, f"u{number}")
            old = answer(session, user, OLD, "No.")
            new = Message(**old.model_dump(exclude={"id", "policy_id"}), policy_id=NEW)
            session.add(new)
            session.flush()
            best = [[new.id], [old.id]] if number % lost_each else [[old.id], [new.id]]
            feedback.record(
                session, user.id, FeedbackKind.RANKING, [old, new], {"ranking": best}, old.id
            )


def test_rankings_of_both_policies_are_duels(tried: Store) -> None:
    duels(tried, 60, 6)
    with tried.read() as session:
        comparisons = leaderboard.user_comparisons(session)
    assert len(comparisons) == 60
    strongest = board(leaderboard.PEOPLE, tuple(comparisons)).ratings[0]
    assert strongest.policy_id == NEW
    assert strongest.low > 1000
    assert judged(tried, days=4.1).state == ExperimentState.PROMOTED


def test_comparisons_are_looked_at_once_a_day(tried: Store) -> None:
    duels(tried, 60, 6)
    early = judged(tried, days=0.5)
    assert (early.state, early.looks) == (ExperimentState.RUNNING, [])
    assert early.verdict["duels"]["low"] == -0.5  # nothing is said before the first look
    for moment in (1.0, 1.5, 1.9, 2.1):
        assert judged(tried, days=moment).state == ExperimentState.RUNNING  # little alpha is spent
    with tried.read() as session:
        row = experiment(session)
        assert [look["number"] for look in row.looks] == [1, 2]
        assert row.looks[0]["low"] < 0 < row.looks[0]["difference"]


def test_a_small_lead_that_lasts_is_promoted_at_the_last_look(tried: Store) -> None:
    duels(tried, 200, 3)  # two of three prefer the new one
    for day in range(1, 8):
        ended = judged(tried, days=float(day))
        if ended.ended_at:
            break
    assert ended.state == ExperimentState.PROMOTED
    assert "Pairwise win rate" in ended.reasons[0]


def test_few_people_decide_nothing(tried: Store) -> None:
    duels(tried, 15, 100)
    ended = judged(tried, days=14.1)
    assert (ended.state, ended.looks) == (ExperimentState.STOPPED, [])


def test_a_forecast_is_made_from_who_compares(tried: Store) -> None:
    with tried.read() as session:
        assert looks.forecast(session, 0.025, 14).by_lead == {}
    duels(tried, 40, 2)
    with tried.read() as session:
        found = looks.forecast(session, 0.025, 14)
    assert (found.people, found.comparisons) == (40, pytest.approx(1 / 14))
    small, large = found.by_lead[0.03], found.by_lead[0.11]
    assert small.promoted < large.promoted and large.days < small.days <= 14


def test_rules_are_numbers_that_are_known() -> None:
    assert experiments.as_rules({"worse": 0.1}) == Rules(worse=0.1)
    with pytest.raises(Invalid, match="names alpha, worse"):
        experiments.as_rules({"speed": 1.0})


def test_length_takes_up_what_longer_answers_win() -> None:
    by_length = [
        PairwiseComparison("b", "a", float(i % 2), 30 if i % 2 else -30) for i in range(100)
    ]
    found = board(leaderboard.GATE, tuple(by_length))
    assert abs(found.ratings[0].elo - found.ratings[1].elo) < 40
    assert found.elo_of_ten_words > 50


def test_nobody_dueled() -> None:
    assert board(leaderboard.PEOPLE, ()).ratings == []


def test_the_leaderboard_is_fitted_again_only_for_other_comparisons() -> None:
    rows = tuple(PairwiseComparison("b", "a", float(i % 3 > 0), i % 7) for i in range(42))
    assert board("once", rows) is board("once", rows)
    assert board("once", rows[1:]) != board("once", rows)
