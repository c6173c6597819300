"""A last message of the assistant is the beginning of its response."""

import json
from typing import Any

from chat_service import ChatService, new_services, serve, stored

from server.generators.echo import EchoGenerator
from tutelage.composition import Core

ASKED = {"role": "user", "content": "Count to four"}
BEGUN = [ASKED, {"role": "assistant", "content": "one two "}]


def counting(core: Core) -> Any:
    generator = EchoGenerator({ASKED["content"]: "one two three four"}, policy_id=None)
    return serve(new_services(core, generator), core)


def test_the_response_continues_and_is_stored_whole(core: Core) -> None:
    with counting(core) as service:
        completion = service.ask(messages=BEGUN, store=True)
        again = service.get(f"/v1/chat/completions/{completion['id']}").json()
        rows = service.conversation(completion)["messages"]
        row = stored(service, completion["tutelage"]["message_ids"][0])
    for each in (completion, again):
        assert each["choices"][0]["message"]["content"] == "three four"
    assert [row["content"] for row in rows] == ["Count to four", "one two three four"]
    assert row.sampling is not None and row.sampling["continued"] == len("one two ")
    assert row.token_ids is not None and len(row.token_ids) == 3


def test_a_stream_holds_what_is_new(core: Core) -> None:
    with counting(core) as service:
        flags = {"continue_final_message": True, "add_generation_prompt": False}
        events = service.chat(messages=BEGUN, stream=True, logprobs=True, **flags).text.split(
            "\n\n"
        )
    chunks = [json.loads(each[6:]) for each in events if each.startswith("data: {")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(each["delta"].get("content", "") for each in choices) == "three four"
    tokens = [
        token for each in choices for token in (each["logprobs"] or {"content": []})["content"]
    ]
    assert "".join(token["token"] for token in tokens) == "three four"


def test_a_stored_response_is_continued_beside_itself(core: Core) -> None:
    with counting(core) as service:
        first = service.ask(ASKED["content"], max_tokens=2)
        assert first["choices"][0]["finish_reason"] == "length"
        place = first["tutelage"]
        more = service.ask(
            messages=[], conversation_id=place["conversation_id"],
            parent_id=place["message_ids"][0], continue_final_message=True,
        )  # fmt: skip
        assert more["choices"][0]["message"]["content"] == "three four"
        rows = service.conversation(more)["messages"]
    assert [(row["content"], row["parent_id"]) for row in rows[1:]] == [
        ("one two ", place["prompt_message_id"]),
        ("one two three four", place["prompt_message_id"]),
    ]


def test_an_empty_beginning_is_a_response_from_its_beginning(shared: ChatService) -> None:
    begun = [ASKED, {"role": "assistant", "content": ""}]
    rows = shared.conversation(shared.ask(messages=begun))["messages"]
    assert [row["content"] for row in rows] == [ASKED["content"]] * 2


def test_the_filter_reads_the_beginning(shared: ChatService) -> None:
    begun = [ASKED, {"role": "assistant", "content": "A vileword and "}]
    choice = shared.ask(messages=begun)["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")


def test_a_forbidden_beginning_is_refused_as_a_prompt(shared: ChatService) -> None:
    begun = [ASKED, {"role": "assistant", "content": "A threatword and "}]
    answer = shared.ask(messages=begun)
    assert answer["tutelage"]["moderation"]["prompt"]["action"] == "block"
