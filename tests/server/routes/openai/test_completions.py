"""Stored completions: listed for whoever stored them, tagged, forgotten."""

from typing import Any

import pytest
from chat_service import ChatService

PATH = "/v1/chat/completions"


def stored(service: ChatService, text: str = "Hello there", **body: Any) -> Any:
    return service.ask(text, store=True, **body)


def ids(answer: Any) -> list[str]:
    return [each["id"] for each in answer.json()["data"]]


def test_what_was_stored_is_got_as_it_was_answered(service: ChatService) -> None:
    first = stored(service, n=2, metadata={"topic": "greeting"})
    found = service.get(f"{PATH}/{first['id']}").json()
    for name in ("id", "choices", "usage", "model", "tutelage"):
        assert found[name] == first[name]
    assert found["metadata"] == {"topic": "greeting"}


def test_only_what_was_stored_is_listed(service: ChatService) -> None:
    service.ask("not to be listed")
    kept = [stored(service, f"number {n}")["id"] for n in range(3)]
    assert ids(service.get(PATH)) == kept
    assert ids(service.get(f"{PATH}?order=desc")) == kept[::-1]
    page = service.get(f"{PATH}?limit=2").json()
    assert (page["last_id"], page["has_more"]) == (kept[1], True)
    assert ids(service.get(f"{PATH}?after={kept[1]}")) == kept[2:]


def test_the_list_is_filtered_by_model_and_metadata(service: ChatService) -> None:
    blue = stored(service, metadata={"colour": "blue"})["id"]
    stored(service, metadata={"colour": "red"})
    assert ids(service.get(f"{PATH}?metadata[colour]=blue")) == [blue]
    assert ids(service.get(f"{PATH}?model=policy-0009")) == []


def test_metadata_is_replaced(service: ChatService) -> None:
    completion = stored(service, metadata={"a": "1"})["id"]
    changed = service.post(f"{PATH}/{completion}", {"metadata": {"b": "2"}})
    assert changed.json()["metadata"] == {"b": "2"}
    assert service.get(f"{PATH}/{completion}").json()["metadata"] == {"b": "2"}


def test_the_messages_that_were_answered(service: ChatService) -> None:
    first = stored(service, "One")["tutelage"]
    second = stored(service, "Two", conversation_id=first["conversation_id"])["id"]
    data = service.get(f"{PATH}/{second}/messages").json()["data"]
    assert [each["content"] for each in data] == ["One", "One", "Two"]
    rest = service.get(f"{PATH}/{second}/messages?after={data[1]['id']}").json()["data"]
    assert rest == data[2:]


def test_a_deleted_one_is_forgotten_and_its_conversation_stays(service: ChatService) -> None:
    completion = stored(service)
    gone = service.delete(f"{PATH}/{completion['id']}").json()
    assert gone == {"id": completion["id"], "object": "chat.completion.deleted", "deleted": True}
    assert service.get(f"{PATH}/{completion['id']}").status_code == 404
    assert service.conversation(completion)["messages"]


def test_an_erased_conversation_takes_its_completions_along(service: ChatService) -> None:
    completion = stored(service)
    service.delete(f"/v1/conversations/{completion['tutelage']['conversation_id']}")
    assert service.get(f"{PATH}/{completion['id']}").status_code == 404


@pytest.mark.parametrize("suffix", ["", "/messages"])
def test_nobody_sees_anothers(service: ChatService, suffix: str) -> None:
    completion = stored(service)["id"]
    assert service.get(f"{PATH}/{completion}{suffix}", "other").status_code == 404
    assert ids(service.get(PATH, "other")) == []
