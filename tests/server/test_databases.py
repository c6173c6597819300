"""The same service on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from chat_service import ChatService, new_services, promote, publish, serve
from sqlmodel import select

from tutelage.composition import Core
from tutelage.policies.library import PolicyLibrary
from tutelage.settings import Settings
from tutelage.store import Store
from tutelage.tables import DailyUsage, Message


@pytest.fixture
def anywhere(any_store: Store, tmp_path: Path) -> Iterator[ChatService]:
    """The service on each database that we support."""
    settings = Settings(data=tmp_path, rate_limit=0)
    core = Core(settings, any_store, PolicyLibrary(tmp_path / "policies"))
    publish(core, "policy-0000")
    promote(core, "policy-0000")
    with serve(new_services(core), core) as service:
        yield service


def test_chat_judge_and_erase(anywhere: ChatService) -> None:
    done = anywhere.ask("A lewdword question 🌊", n=3)
    ranking = {"kind": "ranking", "completion_id": done["id"], "ranking": [[1], [0, 2]]}
    first = anywhere.post("/v1/feedback", ranking, idempotency_key="once").json()
    assert anywhere.post("/v1/feedback", ranking, idempotency_key="once").json() == first
    report = {"kind": "report", "completion_id": done["id"], "category": "bias"}
    assert anywhere.post("/v1/feedback", report).status_code == 201
    conversation = anywhere.conversation(done)
    assert conversation["messages"][0]["content"] == "A lewdword question 🌊"
    assert anywhere.get("/v1/operator/summary", "operator").json()["open_reports"] == 1
    assert anywhere.delete(f"/v1/conversations/{conversation['id']}").status_code == 200
    assert anywhere.get("/v1/feedback").json()["data"] == []


def test_nul_is_refused_before_the_database(anywhere: ChatService) -> None:
    assert anywhere.chat("a\x00b").status_code == 400
    assert anywhere.get("/v1/conversations/conv_%00").status_code == 400
    assert anywhere.get("/v1/models/x%00").status_code in (400, 404)
    body = {"kind": "thumbs", "message_id": "m\x00", "value": "up"}
    assert anywhere.post("/v1/feedback", body).status_code == 400


def test_the_same_judgement_at_the_same_moment_is_kept_once(anywhere: ChatService) -> None:
    body = {"kind": "thumbs", "completion_id": anywhere.ask()["id"], "value": "up"}

    def judge(_: int) -> tuple[int, str]:
        answer = anywhere.post("/v1/feedback", body, idempotency_key="k")
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(judge, range(8))}) == 1


def test_people_who_chat_at_once_all_get_their_answer(anywhere: ChatService) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: anywhere.ask(f"Number {n}"), range(16)))
    said = {answer["choices"][0]["message"]["content"] for answer in answers}
    assert said == {f"Number {n}" for n in range(16)}
    assert len(anywhere.get("/v1/conversations").json()["data"]) == 16


def test_two_tabs_of_one_conversation_do_not_get_in_each_others_way(anywhere: ChatService) -> None:
    """Through two replicas, many turns at once: each is answered, stored and counted."""
    chat = anywhere.ask()["tutelage"]["conversation_id"]
    store = anywhere.core.store
    url = store.engine.url.render_as_string(hide_password=False)
    other = replace(anywhere.core, store=Store(url))
    with serve(new_services(other), other) as second, ThreadPoolExecutor(12) as pool:
        tabs = [anywhere, second]
        turns = [
            pool.submit(tabs[n % 2].chat, f"Turn {n}", conversation_id=chat, parent_id=None)
            for n in range(24)
        ]
        assert [turn.result().status_code for turn in turns] == [200] * 24
    with store.read() as session:
        messages = session.exec(select(Message).where(Message.conversation_id == chat)).all()
        (used,) = session.exec(select(DailyUsage)).all()
    other.store.close()
    assert (len(messages), used.requests) == (50, 25)
