"""Rungs at the labeling desk: which tasks they make, and which rung people's rankings propose."""

import pytest
from sqlmodel import Session, select

from tutelage.errors import Conflict, Invalid, NotFound
from tutelage.feedback import feedback
from tutelage.iterations import iterations
from tutelage.labeling import labeling, rungs
from tutelage.labeling.rungs import RungName, RungResponse
from tutelage.people import people
from tutelage.store import Store
from tutelage.tables import FeedbackKind, Iteration, LabelingTask, Message

BASELINE, CANDIDATE = "policy-0000", "policy-0001"
HALF = str(RungName(CANDIDATE, 8, 0.5))
SAMPLING = {"temperature": 0.8, "top_p": 1.0, "max_tokens": 64}


@pytest.fixture
def iteration(store: Store) -> Iteration:
    with store.write() as session:
        row = iterations.request(session, "smoke", BASELINE, "key", "ada")
        row.policy_id = CANDIDATE
        session.add(row)
    return row


def written(session: Session, number: int, texts: dict[str, str]) -> bool:
    responses = [RungResponse(policy, text, True) for policy, text in texts.items()]
    return rungs.add_task(session, f"Question {number}?", responses, SAMPLING, 1)


def ranked(session: Session, best_first: list[str]) -> None:
    """A labeler ranks each task in this order of policies."""
    user = people.create_user(session, people.free_name(session, "labeler"))
    for task in session.exec(select(LabelingTask)).all():
        answers = {str(each.policy_id): each for each in labeling.answers(session, task)}
        order = [answers[name] for name in best_first]
        value = {"ranking": [[each.id] for each in order]}
        feedback.record(
            session, user.id, FeedbackKind.RANKING, order, value, str(task.message_id)
        )  # fmt: skip


def test_a_name_leads_back_to_its_rung() -> None:
    assert str(RungName(CANDIDATE, 4)) == "policy-0001@4"
    assert RungName.parse(HALF) == RungName(CANDIDATE, 8, 0.5)
    for wrong in (CANDIDATE, f"{CANDIDATE}@8x1.2.3", f"{CANDIDATE}@८"):
        with pytest.raises(NotFound, match="is not a rung"):
            RungName.parse(wrong)


def test_equal_texts_are_shown_once_and_alone_make_no_task(store: Store) -> None:
    with store.write() as session:
        assert not written(session, 0, {BASELINE: "Yes.", CANDIDATE: " yes. ", HALF: ""})
        assert written(session, 1, {BASELINE: "Yes.", CANDIDATE: "yes.", HALF: "No."})
        (task,) = session.exec(select(LabelingTask)).all()
        found = labeling.answers(session, task)
        assert [row.policy_id for row in found] == [BASELINE, HALF]
        assert found[0].sampling == SAMPLING and task.ready_at is not None


@pytest.mark.parametrize(
    ("best_first", "proposed"),
    [([HALF, CANDIDATE, BASELINE], HALF), ([BASELINE, CANDIDATE, HALF], None)],
)
def test_the_best_lower_end_is_proposed_where_it_beats_the_current_policy(
    store: Store, iteration: Iteration, best_first: list[str], proposed: str | None
) -> None:
    with store.write() as session:
        for number in range(12):
            texts = {BASELINE: "one word", CANDIDATE: "two words", HALF: "three words"}
            assert written(session, number, texts)
        assert rungs.choice(session, iteration).ranked == 0
        ranked(session, best_first)
        choice = rungs.choice(session, iteration)
        assert (choice.tasks, choice.ranked, choice.proposed) == (12, 12, proposed)
        assert [rating.policy_id for rating in choice.ratings] == best_first
        assert rungs.asked(session, CANDIDATE) == {f"Question {n}?" for n in range(12)}


def test_rankings_of_other_policies_do_not_count(store: Store, iteration: Iteration) -> None:
    with store.write() as session:
        assert written(session, 0, {"policy-0007": "a", "policy-0008": "b"})
        ranked(session, ["policy-0007", "policy-0008"])
        choice = rungs.choice(session, iteration)
        assert (choice.tasks, choice.ratings) == (0, [])


def test_one_comparison_waits_at_a_time(store: Store, iteration: Iteration) -> None:
    with store.write() as session:
        with pytest.raises(Invalid, match="3 to 5"):
            rungs.request(session, iteration.id, 2, 8, 1, "ada")
        row = rungs.request(session, iteration.id, 3, 8, 1, "ada")
        with pytest.raises(Conflict, match="waits for a worker"):
            rungs.request(session, iteration.id, 3, 8, 1, "ada")
        assert rungs.choice(session, iteration).waiting
        row.problem = "The ladder is gone."
        session.add(row)
        choice = rungs.choice(session, iteration)
        assert not choice.waiting and choice.problem == "The ladder is gone."


def test_without_a_candidate_there_is_nothing_to_choose(store: Store) -> None:
    with store.write() as session:
        row = iterations.request(session, "smoke", BASELINE, "key", "ada")
        with pytest.raises(NotFound, match="no candidate"):
            rungs.request(session, row.id, 3, 8, 1, "ada")
        assert session.exec(select(Message)).all() == []
