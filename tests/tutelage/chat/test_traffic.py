"""The service over time, counted from rows: windows, who counts, and lists behind the numbers."""

import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from tutelage.chat import conversations, traffic
from tutelage.chat.traffic import Kind
from tutelage.experiments import outcomes
from tutelage.experiments.sequential import Arm, interval
from tutelage.feedback import feedback
from tutelage.people import people
from tutelage.store import Store
from tutelage.tables import Conversation, FeedbackKind, Message, ModerationRecord, Purpose

POLICY = "policy-0001"


def said(store: Store, number: int, purpose: Purpose = Purpose.CHAT, **columns: object) -> str:
    """One answer of three tokens; its id."""
    with store.write() as session:
        user = people.create_user(session, f"user {number}")
        conversation = conversations.start(session, user.id, True)
        conversation.purpose = purpose
        prompt = conversations.append(session, conversation, None, "user", "Is it?")
        facts = {"policy_id": POLICY, "completion_id": f"c{number}", "prompt_tokens": 5,
                 "logprobs": [-0.1] * 3, "first_text_seconds": float(number), "seconds": 9.0,
                 "finish_reason": "stop"} | columns  # fmt: skip
        answer = conversations.append(session, conversation, prompt.id, "assistant", "Yes", **facts)
        return answer.id


def record(store: Store, message_id: str, action: str) -> None:
    with store.write() as session:
        session.add(ModerationRecord(message_id=message_id, classifier="x", scores={},
                                     thresholds={}, action=action, categories=[]))  # fmt: skip


@pytest.fixture
def busy(any_store: Store) -> Store:
    """Four chats, one of them blocked, one broken off, and one answer written for labelers."""
    ids = [said(any_store, n) for n in range(3)]
    record(any_store, ids[0], "allow")
    record(any_store, ids[1], "block")
    said(any_store, 3, finish_reason="error", logprobs=None)
    said(any_store, 4, Purpose.LABELING)
    with any_store.write() as session:
        liked = session.get_one(Message, ids[2])
        who = people.create_user(session, "judge")
        value = {"value": "up"}
        feedback.record(session, who.id, FeedbackKind.THUMBS, [liked], value, liked.id)
    return any_store


def test_a_count_reads_no_messages_of_other_times(store: Store) -> None:
    said(store, 0)
    read: list[str] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def explain(_connection: Any, cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if "FROM message" in statement:
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)
            read.extend(str(row[3]) for row in plan)

    now = time.time()
    with store.read() as session:
        traffic.windows(session, now - 60, now, 1)
        outcomes.by_policy(session, [POLICY], now - 60)
    assert any("(id>? AND id<?)" in step for step in read)
    assert any("(policy_id=? AND created_at>?)" in step for step in read)
    assert not any(step.startswith("SCAN message ") for step in read)


def test_a_window_counts_what_people_caused(busy: Store) -> None:
    now = time.time() + 1
    with busy.read() as session:
        total, _ = traffic.windows(session, now - 60, now, 1)
    assert (total.requests, total.answers, total.judgements) == (4, 4, 1)
    assert (total.prompt_tokens, total.response_tokens) == (20, 9)
    assert (total.flagged_answers, total.flagged_prompts, total.failed) == (1, 0, 1)
    assert total.first_text is not None and total.first_text.median == 1.5


def test_a_prompt_that_was_blocked_makes_no_policy_look_quick(busy: Store) -> None:
    for number in (6, 7, 8, 9):
        said(busy, number, policy_id=None, first_text_seconds=None, seconds=0.001)
    now = time.time() + 1
    with busy.read() as session:
        total, _ = traffic.windows(session, now - 60, now, 1)
    assert total.answers == 8
    assert total.seconds is not None and total.seconds.median == 9.0


def test_windows_add_up_to_the_whole(busy: Store) -> None:
    now = time.time() + 1
    with busy.read() as session:
        _, windows = traffic.windows(session, now - 60, now, 12)
    assert [each.at for each in windows] == sorted(each.at for each in windows)
    assert sum(each.requests for each in windows) == 4
    assert windows[0].requests == 0 and windows[0].first_text is None


def test_nothing_is_counted_outside_of_its_time(busy: Store) -> None:
    now = time.time() + 1
    with busy.read() as session:
        total, _ = traffic.windows(session, now - 120, now - 60, 1)
    assert total.answers == 0


def test_several_answers_to_one_request_read_its_prompt_once(any_store: Store) -> None:
    for choice in range(3):
        said(any_store, choice, completion_id="same", choice=choice)
    now = time.time() + 1
    with any_store.read() as session:
        total, _ = traffic.windows(session, now - 60, now, 1)
    assert (total.requests, total.answers, total.prompt_tokens) == (1, 3, 5)


@pytest.mark.parametrize(("kind", "count"), [(Kind.ALL, 4), (Kind.FLAGGED, 1), (Kind.FAILED, 1)])
def test_the_answers_behind_a_number(busy: Store, kind: Kind, count: int) -> None:
    now = time.time() + 1
    with busy.read() as session:
        rows = traffic.answers(session, now - 60, now, kind=kind, limit=10)
        assert traffic.answers(session, now - 60, now, policy_id="other", kind=kind) == []
    assert len(rows) == count
    assert [row.id for row in rows] == sorted((row.id for row in rows), reverse=True)


def test_opinions_are_by_policy_and_person(busy: Store) -> None:
    with busy.read() as session:
        found = outcomes.by_policy(session, [POLICY, "other"], 0.0)
    assert found[POLICY]["liked"].mean == 1.0
    assert found[POLICY]["failed"].count == 4 and found["other"]["failed"].count == 0
    assert found[POLICY]["failed"].mean == found[POLICY]["flagged"].mean == 1 / 4
    assert found[POLICY]["slow"].mean == found[POLICY]["regenerated"].mean == 0.0


def test_an_answer_counts_as_regenerated_once_its_prompt_is_answered_again(
    any_store: Store,
) -> None:
    first = said(any_store, 0, seconds=61.0)
    with any_store.write() as session:
        row = session.get_one(Message, first)
        conversation = session.get_one(Conversation, row.conversation_id)
        facts = {"policy_id": POLICY, "completion_id": "again", "seconds": None}
        conversations.append(
            session,
            conversation,
            row.parent_id,
            "assistant",
            "No",
            **facts,  # type: ignore[arg-type]
        )
    with any_store.read() as session:
        arms = outcomes.by_policy(session, [POLICY], 0.0)[POLICY]
        later = outcomes.by_policy(session, [POLICY], time.time() + 60)[POLICY]
    assert arms["regenerated"].people == [(2, 1.0)]
    assert arms["slow"].people == [(1, 1.0)]
    assert later["failed"].count == 0


def test_only_thumbs_that_stand_are_opinions(any_store: Store) -> None:
    answer = said(any_store, 0)
    with any_store.write() as session:
        row = session.get_one(Message, answer)
        who = people.create_user(session, "judge").id
        for value in ("up", "down"):
            given = feedback.record(
                session, who, FeedbackKind.THUMBS, [row], {"value": value}, answer
            )
    with any_store.read() as session:
        assert outcomes.by_policy(session, [POLICY], 0.0)[POLICY]["liked"].people == [(1, 0.0)]
    with any_store.write() as session:
        feedback.withdraw(session, who, given.id)
    with any_store.read() as session:
        assert outcomes.by_policy(session, [POLICY], 0.0)[POLICY]["liked"].count == 0


def test_an_interval_is_wider_where_one_person_says_much() -> None:
    many = interval(Arm([(1, float(n % 2)) for n in range(40)]))
    one = interval(Arm([(10, 10.0), (10, 0.0), (10, 10.0), (10, 0.0)]))
    assert one[1] - one[0] > many[1] - many[0]
    assert many[0] < 0.5 < many[1]


def test_a_refusal_waits_for_no_response() -> None:
    """Its notice came at once or late; both medians are of the same responses."""
    answer = traffic.ServedResponse(
        "msg_1", 0.0, "chatcmpl-1", "conv_1", POLICY, 3, 3, 0, "stop", 0.01, 0.02, None
    )
    refusal = replace(
        answer, id="msg_2", policy_id=None, finish_reason="content_filter",
        first_text_seconds=9.0, seconds=None,
    )  # fmt: skip
    found = traffic.window(0.0, [answer, refusal], 1, 0)
    assert found.first_text and found.first_text.median == 0.01
    assert found.seconds and found.seconds.median == 0.02
