"""What one taught: by iteration, why not, asked again, and whether others agree."""

import json
from typing import Any

import pytest
from chat_service import HOME, ChatService, promote, publish, sign_up

from server.generators.echo import EchoGenerator
from tutelage.feedback import feedback
from tutelage.labeling import agreement
from tutelage.people import people
from tutelage.tables import (
    Conversation,
    Feedback,
    FeedbackKind,
    Message,
    PolicyState,
    PolicyVersion,
)

PATH = "/v1/account/feedback"


@pytest.fixture
def ada(service: ChatService) -> ChatService:
    """Signed in; consents to training."""
    sign_up(service)
    service.client.patch("/v1/session", json={"training": True}, headers=HOME)
    return service


def ask(service: ChatService, text: str, **body: Any) -> dict[str, Any]:
    request = {"model": "tutelage", "messages": [{"role": "user", "content": text}]} | body
    answer = service.client.post("/v1/chat/completions", json=request, headers=HOME)
    turn: dict[str, Any] = answer.json()["tutelage"]
    return turn


def judge(service: ChatService, message_id: str, **body: Any) -> str:
    given = {"kind": "thumbs", "message_id": message_id, "value": "up"} | body
    if body.get("kind", "thumbs") != "thumbs":
        del given["value"]
    row = service.client.post("/v1/feedback", json=given, headers=HOME)
    assert row.status_code == 201, row.text
    name: str = row.json()["id"]
    return name


def frozen(
    service: ChatService, iteration: str, used: dict[str, str], left: dict[str, str]
) -> None:
    """A snapshot that used these judgements, by side, and left these out, with the reasons."""
    folder = service.services.iterations / iteration / "snapshot"
    folder.mkdir(parents=True)
    files = {
        "thumbs": [{"id": i, "conversation_id": "c", "split": s} for i, s in used.items()],
        "left_out": [{"id": i, "reason": reason} for i, reason in left.items()],
    }
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "digest.json").write_text("{}")


def stories(service: ChatService, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.client.get(f"{PATH}{query}").json()["data"]
    return found


def test_each_iteration_says_what_it_made_of_ones_feedback(ada: ChatService) -> None:
    first, second, third = (
        judge(ada, ask(ada, text)["message_ids"][0]) for text in ("One", "Two", "Three")
    )
    frozen(
        ada, "iteration-0001", {first: "train", second: "held_out"}, {third: "cap", "fb_x": "cap"}
    )
    [row] = ada.client.get(f"{PATH}/summary").json()["iterations"]
    assert (row["taught"], row["measured"], row["left_out"]) == (1, 1, {"cap": 1})
    assert [s["id"] for s in stories(ada, "?iteration=iteration-0001")] == [third, second, first]
    assert stories(ada, "?iteration=iteration-0002") == []
    newest, middle, _ = stories(ada)
    assert newest["left_out"] == [{"iteration_id": "iteration-0001", "reason": "cap"}]
    assert [each["measured"] for each in middle["learned_by"]] == [True]
    assert newest["reason"] is None  # the next one may use it


def test_what_one_did_is_set_beside_what_one_said(ada: ChatService) -> None:
    better, worse = ask(ada, "Name a tree", n=2)["message_ids"]
    copied = ada.client.post(f"/v1/feedback/copied/{better}", headers=HOME)
    assert copied.status_code == 204
    assert ada.client.get(f"{PATH}/summary").json()["signals"] == []
    judge(ada, better, value="up")
    judge(ada, worse, value="down")
    [found] = ada.client.get(f"{PATH}/summary").json()["signals"]
    assert (found["signal"], found["pairs"], found["share"]) == ("copied", 1, 1)
    assert found["low"] < 0.5 < found["high"]


def test_the_reason_why_an_iteration_would_not_use_it(ada: ChatService) -> None:
    flagged = ask(ada, "Flag")["message_ids"][0]
    judge(ada, flagged, kind="edit", text="a lewdword")
    reported = ask(ada, "Report")["message_ids"][0]
    judge(ada, reported, kind="report", category="other")
    broken = ask(ada, "Broken")["message_ids"][0]
    judge(ada, broken)
    private = ask(ada, "Private")
    judge(ada, private["message_ids"][0])
    ada.client.patch(
        f"/v1/conversations/{private['conversation_id']}", json={"training": False}, headers=HOME
    )
    with ada.core.store.write() as session:
        message = session.get_one(Message, broken)
        message.finish_reason = "cancelled"
        session.add(message)
    reasons = {story["prompt"]: story["reason"] for story in stories(ada)}
    expected = {"Flag": "flagged", "Report": "report", "Broken": "fragment", "Private": "consent"}
    assert reasons == expected


@pytest.fixture
def taught(ada: ChatService) -> tuple[ChatService, str]:
    """Ada judged an answer of policy-0000; now policy-0001 answers, in other words each time."""
    row = judge(ada, ask(ada, "What now?")["message_ids"][0])
    publish(ada.core, "policy-0001")
    promote(ada.core, "policy-0001")
    generator = ada.services.generator
    assert isinstance(generator, EchoGenerator)
    generator.policy_id = "policy-0001"
    begun: list[int] = []
    generator._replies = lambda messages: f"{len(begun)} {messages[-1]['content']}{begun.append(1)}"
    return ada, row


def test_both_policies_answer_and_can_be_ranked(taught: tuple[ChatService, str]) -> None:
    service, row = taught
    again = service.client.post(f"{PATH}/{row}/again", headers=HOME).json()
    assert {each["policy_id"] for each in again["answers"]} == {"policy-0000", "policy-0001"}
    assert again["problem"] is None
    ranked = {"kind": "ranking", "completion_id": again["completion_id"], "ranking": [[0], [1]]}
    assert service.client.post("/v1/feedback", json=ranked, headers=HOME).status_code == 201
    assert len(stories(service)) == 2


def test_a_policy_that_was_rejected_answers_no_more(taught: tuple[ChatService, str]) -> None:
    service, row = taught
    with service.core.store.write() as session:
        version = session.get_one(PolicyVersion, "policy-0000")
        version.state = PolicyState.REJECTED
        session.add(version)
    again = service.client.post(f"{PATH}/{row}/again", headers=HOME).json()
    assert [each["policy_id"] for each in again["answers"]] == ["policy-0001"]
    assert again["problem"] == "policy-0000 was rejected and responds no more."


def test_only_ones_own_prompts_are_asked_again(taught: tuple[ChatService, str]) -> None:
    service, row = taught
    service.client.cookies.clear()
    service.client.post("/v1/session", json={}, headers=HOME)
    assert service.client.post(f"{PATH}/{row}/again", headers=HOME).status_code == 404


def test_a_blocked_prompt_is_not_asked_again(ada: ChatService) -> None:
    row = judge(ada, ask(ada, "a threatword")["message_ids"][0], value="down")
    again = ada.client.post(f"{PATH}/{row}/again", headers=HOME)
    assert again.status_code == 400 and "No policy wrote this" in again.text


def test_agreement_counts_the_pairs_that_others_ranked_too(ada: ChatService) -> None:
    with ada.core.store.write() as session:
        one, other = (people.create_user(session, name) for name in ("One", "Other"))
        chat = Conversation(owner_id=one.id)
        session.add(chat)
        session.flush()
        orders = {one.id: [["a"], ["b"], ["c"]], other.id: [["a"], ["c"], ["b"]]}
        for who, order in orders.items():
            session.add(
                Feedback(kind=FeedbackKind.RANKING, author_id=who, conversation_id=chat.id,
                         target="t", value={"ranking": order})
            )  # fmt: skip
        session.flush()
        assert agreement.with_others(session, one.id) == (2, 3)
        feedback.withdraw(session, other.id, feedback.of_author(session, other.id)[0].id)
        assert agreement.with_others(session, one.id) == (0, 0)
