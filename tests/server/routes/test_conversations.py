"""/v1/conversations: list, read, rename, consent, erase."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from chat_service import HOME, ChatService, Gated, eventually, new_services, serve, sign_up
from sqlmodel import select

from tutelage.composition import Core
from tutelage.tables import DailyUsage, Feedback, Message, ModerationRecord


def test_the_list_is_newest_first_and_paged(service: ChatService) -> None:
    for text in ("One", "Two", "Three"):
        service.ask(text)
    page = service.get("/v1/conversations?limit=2").json()
    assert [each["title"] for each in page["data"]] == ["Three", "Two"] and page["has_more"]
    rest = service.get(f"/v1/conversations?limit=2&after={page['data'][-1]['id']}").json()
    assert [each["title"] for each in rest["data"]] == ["One"] and not rest["has_more"]


def test_one_that_is_erased_while_it_is_answered_ends_and_leaves_nothing(core: Core) -> None:
    generator = Gated(free=2)
    with serve(new_services(core, generator), core) as service, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(service.chat, "word " * 40, stream=True)
        assert eventually(lambda: bool(service.get("/v1/conversations").json()["data"]))
        chat = service.get("/v1/conversations").json()["data"][0]["id"]
        assert service.delete(f"/v1/conversations/{chat}").status_code == 200
        generator.gate.set()
        assert asked.result(60).text.rstrip().endswith("data: [DONE]")
        assert service.get(f"/v1/conversations/{chat}").status_code == 404
    with core.store.read() as session:
        assert session.exec(select(Message)).all() == []
        assert [row.tokens for row in session.exec(select(DailyUsage))] == [0]


def test_what_a_person_said_is_nowhere_after_the_erasure(service: ChatService) -> None:
    """Not in the tables, nor in what is deleted from the database's files."""
    word, owner = "xylomarker", sign_up(service)["login"]
    own = partial(service.client.post, headers=HOME)
    asked = {"model": "tutelage", "messages": [{"role": "user", "content": word}], "n": 2}
    done = own("/v1/chat/completions", json=asked).json()
    message_id, chat = done["tutelage"]["message_ids"][0], done["tutelage"]["conversation_id"]
    for body in (
        {"kind": "thumbs", "value": "down", "comment": word},
        {"kind": "edit", "text": f"{word} better"},
        {"kind": "report", "category": "bias", "comment": word},
    ):
        assert own("/v1/feedback", json={"message_id": message_id} | body).status_code == 201
    patch = service.client.patch
    assert patch(f"/v1/conversations/{chat}", json={"title": word}, headers=HOME).is_success
    assert own(f"/v1/conversations/{chat}/shares", json={"leaf_id": message_id}).is_success
    files = [path for path in service.core.settings.data.iterdir() if "tutelage.db" in path.name]
    assert any(word.encode() in path.read_bytes() for path in files)
    assert own("/v1/account/erasure", json={"confirm": owner}).is_success
    assert not any(word.encode() in path.read_bytes() for path in files if path.exists())


def test_the_list_can_be_searched(service: ChatService) -> None:
    service.ask("About whales")
    service.ask("About 100% cats")
    found = service.get("/v1/conversations", params={"q": "WHALE"}).json()["data"]
    assert [(each["title"], each["passage"]) for each in found] == [("About whales",) * 2]
    assert service.get("/v1/conversations", params={"q": "%"}).json()["data"][0]["title"] == (
        "About 100% cats"
    )


@pytest.mark.parametrize("query", ["limit=0", "limit=1000", "limit=x", "after=%00", "q=%00"])
def test_a_bad_query_is_400(service: ChatService, query: str) -> None:
    answer = service.get(f"/v1/conversations?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query.split("=")[0]


def test_feedback_stands_beside_the_message_that_it_is_about(service: ChatService) -> None:
    completion = service.ask(n=2)
    first, second = completion["tutelage"]["message_ids"]
    service.post("/v1/feedback", {"kind": "thumbs", "message_id": first, "value": "up"})
    ranking = {"kind": "ranking", "completion_id": completion["id"], "ranking": [[1], [0]]}
    service.post("/v1/feedback", ranking)
    stored = {each["id"]: each for each in service.conversation(completion)["messages"]}
    assert [each["kind"] for each in stored[first]["feedback"]] == ["thumbs", "ranking"]
    assert [each["kind"] for each in stored[second]["feedback"]] == ["ranking"]


def test_it_can_be_renamed_and_withdrawn_from_training(service: ChatService) -> None:
    path = f"/v1/conversations/{service.ask()['tutelage']['conversation_id']}"
    changed = service.patch(path, {"title": " New name ", "training": False}).json()
    assert (changed["title"], changed["training"]) == ("New name", False)
    assert service.get(path).json()["title"] == "New name"


@pytest.mark.parametrize(
    ("body", "param"),
    [({"title": ""}, "title"), ({"title": "  "}, "title"), ({"title": "x" * 201}, "title"),
     ({"training": 1}, "training"), ({"owner_id": "me"}, "owner_id"), ({"title": "\x00"}, "title")],
)  # fmt: skip
def test_a_bad_change_is_named(service: ChatService, body: dict[str, object], param: str) -> None:
    path = f"/v1/conversations/{service.ask()['tutelage']['conversation_id']}"
    answer = service.patch(path, body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_erasing_takes_everything_along(service: ChatService) -> None:
    turn = service.ask("A lewdword question")["tutelage"]
    judged = {"kind": "report", "message_id": turn["message_ids"][0], "category": "hate"}
    service.post("/v1/feedback", judged)
    path = f"/v1/conversations/{turn['conversation_id']}"
    assert service.delete(path).json() == {"id": turn["conversation_id"], "deleted": True}
    assert service.get(path).status_code == 404
    with service.core.store.read() as session:
        for table in (Message, Feedback, ModerationRecord):
            assert list(session.exec(select(table))) == []


def test_an_unknown_one_is_404(service: ChatService) -> None:
    answer = service.get("/v1/conversations/conv_unknown")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_title_is_one_line_without_bidirectional_marks(service: ChatService) -> None:
    path = f"/v1/conversations/{service.ask()['tutelage']['conversation_id']}"
    title = "Pay\u202e cod.exe\r\nINFO forged"
    assert service.patch(path, {"title": title}).json()["title"] == "Pay cod.exe INFO forged"
    assert service.patch(path, {"title": "\u202e\n"}).status_code == 400
    asked = service.ask("A\u202e question\x1b[31m\nINFO forged")
    assert service.conversation(asked)["title"] == "A question [31m INFO forged"


def test_a_blocked_title_is_refused(service: ChatService) -> None:
    path = f"/v1/conversations/{service.ask()['tutelage']['conversation_id']}"
    refused = service.patch(path, {"title": "A threatword"})
    assert refused.status_code == 400 and "flagged" in refused.json()["error"]["message"]
