"""The inbox: a person reads there what became of their feedback, reports and appeals."""

from typing import Any

import pytest
from chat_service import HOME, ChatService, publish, sign_up

from tutelage.chat import inbox
from tutelage.tables import News, NewsKind

PATH = "/v1/account/inbox"


@pytest.fixture
def ada(service: ChatService) -> ChatService:
    sign_up(service)
    return service


def ask(service: ChatService, text: str) -> str:
    request = {"model": "tutelage", "messages": [{"role": "user", "content": text}]}
    answer = service.client.post("/v1/chat/completions", json=request, headers=HOME).json()
    message_id: str = answer["tutelage"]["message_ids"][0]
    return message_id


def give(service: ChatService, **body: Any) -> str:
    row = service.client.post("/v1/feedback", json=body, headers=HOME)
    assert row.status_code == 201, row.text
    name: str = row.json()["id"]
    return name


def told(service: ChatService) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = service.client.get(PATH).json()["data"]
    return rows


def unread(service: ChatService) -> int:
    count: int = service.client.get(f"{PATH}/unread").json()["unread"]
    return count


def a_report(service: ChatService) -> str:
    give(service, kind="report", message_id=ask(service, "Rude?"), category="bias")
    name: str = service.get("/v1/operator/reports", "operator").json()["data"][0]["id"]
    return name


def test_authors_are_told_once_what_learned_from_their_feedback(ada: ChatService) -> None:
    rows = [give(ada, kind="thumbs", message_id=ask(ada, t), value="up") for t in ("One", "Two")]
    for _ in range(2):  # an iteration that is resumed publishes again
        with ada.core.store.write() as session:
            inbox.tell_taught(session, "iteration-0001", "policy-0001", rows[:1], rows[1:])
    [news] = told(ada)
    assert (news["kind"], news["subject"]) == ("taught", "iteration-0001")
    assert news["details"] == {"policy_id": "policy-0001", "trained": 1, "measured": 1}


def test_a_decision_on_a_report_reaches_the_reporter_alone(ada: ChatService) -> None:
    row = a_report(ada)
    decision = {"state": "accepted", "note": "for us", "answer": "Thank you."}
    ada.post(f"/v1/operator/reports/{row}", decision, "operator")
    [news] = told(ada)
    assert news["details"] == {"state": "accepted", "answer": "Thank you.", "again": None}
    assert unread(ada) == 1 and "for us" not in str(news)
    assert ada.client.post(f"{PATH}/read", json={"newest": news["id"]}, headers=HOME).json() == {
        "unread": 0
    }
    ada.client.cookies.clear()
    ada.client.post("/v1/session", json={}, headers=HOME)
    assert told(ada) == []


def test_the_candidate_answers_a_report_and_the_reporter_reads_it(ada: ChatService) -> None:
    row = a_report(ada)
    publish(ada.core, "policy-0001")
    again = ada.post(f"/v1/operator/reports/{row}/again", {}, "operator").json()["again"]
    assert again == {
        "policy_id": "policy-0001", "content": "Rude?", "fails": True, "blocked": False,
    }  # fmt: skip
    assert told(ada) == []  # nothing is decided yet
    ada.post(f"/v1/operator/reports/{row}", {"state": "dismissed"}, "operator")
    assert told(ada)[0]["details"]["again"] == again
    refused = ada.client.post(f"/v1/operator/reports/{row}/again", json={}, headers=HOME)
    assert refused.status_code == 403


def test_what_changes_is_unread_again(ada: ChatService) -> None:
    row = a_report(ada)
    for state in ("dismissed", "accepted"):
        ada.post(f"/v1/operator/reports/{row}", {"state": state}, "operator")
        [news] = told(ada)
        assert unread(ada) == 1
        ada.client.post(f"{PATH}/read", json={"newest": news["id"]}, headers=HOME)
    assert news["details"]["state"] == "accepted"


def test_a_decided_appeal_is_told(ada: ChatService) -> None:
    flagged = ask(ada, "a threatword")
    chat = ada.client.get("/v1/conversations").json()["data"][0]["id"]
    [prompt, _] = ada.client.get(f"/v1/conversations/{chat}").json()["messages"]
    assert flagged and prompt["moderation"]["action"] == "block"
    ada.client.post(f"/v1/messages/{prompt['id']}/appeal", json={"comment": ""}, headers=HOME)
    [case] = ada.get("/v1/operator/appeals", "operator").json()["data"]
    decision = {"labels": {"hate/threatening": 0}, "answer": "You were right."}
    ada.post(f"/v1/operator/appeals/{case['id']}", decision, "operator")
    [news] = told(ada)
    assert (news["kind"], news["details"]["state"]) == ("appeal", "overturned")
    assert news["conversation_id"] == chat


def test_the_inbox_goes_with_the_account_and_the_conversation(ada: ChatService) -> None:
    row = a_report(ada)
    ada.post(f"/v1/operator/reports/{row}", {"state": "accepted"}, "operator")
    [kept] = ada.client.get("/v1/account/data").json()["inbox"]
    assert kept["kind"] == NewsKind.REPORT
    ada.client.delete(f"/v1/conversations/{kept['conversation_id']}", headers=HOME)
    with ada.core.store.read() as session:
        assert session.get(News, kept["id"]) is None
