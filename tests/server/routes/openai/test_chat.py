"""POST /v1/chat/completions: OpenAI's shapes, and a clear error for everything else."""

import json
from typing import Any

import pytest
from chat_service import HARMLESS, ChatService, new_services, serve

from server.generators.echo import EchoGenerator
from tutelage.composition import Core


def chunks(answer: Any) -> list[Any]:
    """The data of a streamed answer; the last one is ``[DONE]``."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.strip().split("\n\n")
    assert all(event.startswith("data: ") for event in events)
    data = [event.removeprefix("data: ") for event in events]
    return [json.loads(each) for each in data[:-1]] + [data[-1]]


def test_a_completion_has_openais_shape(shared: ChatService) -> None:
    completion = shared.ask("Hello there")
    assert completion["id"].startswith("chatcmpl-")
    assert completion["object"] == "chat.completion"
    assert completion["model"] == completion["system_fingerprint"] == "policy-0000"
    assert completion["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello there",
                "refusal": None,
                "annotations": [],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert completion["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}


def test_logprobs_name_the_tokens_of_the_text(shared: ChatService) -> None:
    choice = shared.ask("one two three", logprobs=True)["choices"][0]
    tokens = choice["logprobs"]["content"]
    assert "".join(each["token"] for each in tokens) == choice["message"]["content"]
    assert all(each["logprob"] < 0 and each["top_logprobs"] == [] for each in tokens)
    assert bytes(tokens[0]["bytes"]) == b"one "


def test_a_token_limit_ends_with_length(shared: ChatService) -> None:
    choice = shared.ask("one two three", max_completion_tokens=2)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two ", "length")


def test_stop_texts_end_the_answer(shared: ChatService) -> None:
    choice = shared.ask("one two three", stop=["nowhere", "three"])["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one two ", "stop")


def test_every_chunk_has_the_same_id_and_a_finish_reason(shared: ChatService) -> None:
    *sent, done = chunks(shared.chat(HARMLESS * 3, stream=True))
    assert done == "[DONE]"
    assert len({chunk["id"] for chunk in sent}) == 1
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in sent]
    assert reasons == [None] * (len(sent) - 1) + ["stop"]
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in sent)
    assert all("usage" not in chunk for chunk in sent)


def test_the_first_chunk_says_who_speaks_and_where_it_is_stored(shared: ChatService) -> None:
    first = chunks(shared.chat(stream=True))[0]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    conversation = shared.conversation(first)
    ids = [message["id"] for message in conversation["messages"]]
    assert [first["tutelage"]["prompt_message_id"], *first["tutelage"]["message_ids"]] == ids


def test_the_chunks_add_up_to_the_stored_answer(shared: ChatService) -> None:
    *sent, _ = chunks(shared.chat(HARMLESS * 4, stream=True))
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in sent)
    assert text == shared.conversation(sent[0])["messages"][1]["content"] == HARMLESS * 4
    assert len(sent) > 4


def test_usage_comes_last_when_asked_for(shared: ChatService) -> None:
    *sent, last, _ = chunks(
        shared.chat("one two", stream=True, stream_options={"include_usage": True})
    )
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    assert all(chunk["usage"] is None for chunk in sent)


def test_choices_are_streamed_side_by_side(shared: ChatService) -> None:
    *sent, _ = chunks(shared.chat("one two", stream=True, n=2))
    assert {chunk["choices"][0]["index"] for chunk in sent} == {0, 1}
    assert [chunk["choices"][0]["finish_reason"] for chunk in sent].count("stop") == 2


def test_streamed_logprobs_add_up(shared: ChatService) -> None:
    *sent, _ = chunks(shared.chat(HARMLESS * 2, stream=True, logprobs=True))
    tokens = [
        token["token"]
        for chunk in sent
        for token in (chunk["choices"][0]["logprobs"] or {"content": []})["content"]
    ]
    assert "".join(tokens) == HARMLESS * 2


def said(content: Any, role: str = "user", **fields: Any) -> list[dict[str, Any]]:
    """A dialogue of one message."""
    return [{"role": role, "content": content, **fields}]


USER = said("Hi")
DEFAULTS: dict[str, Any] = {
    "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "tools": [],
    "tool_choice": "none", "parallel_tool_calls": None, "response_format": {"type": "text"},
    "modalities": ["text"], "service_tier": "auto", "store": True, "metadata": {},
    "user": "me", "n": None, "temperature": None, "top_p": None, "max_tokens": None, "stop": None,
    "seed": None, "stream": None, "stream_options": None, "logprobs": None, "top_logprobs": 0,
    "safety_identifier": "x", "prompt_cache_key": "y", "reasoning_effort": None, "functions": None,
    "repetition_penalty": 1.0, "min_p": 0, "chat_template_kwargs": {},
    "prompt_cache_retention": "24h",
}  # fmt: skip


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_openai_clients_send_by_default_is_accepted(shared: ChatService, name: str) -> None:
    assert shared.chat(**{name: DEFAULTS[name]}).status_code == 200


BEGINNING = b'{"model": "tutelage", "messages": [{"role": "user", "content": '
RAW: list[tuple[bytes, str | None]] = [
    (b'{"model": "tutelage", "messages": ', None),
    (BEGINNING + b'"\xff\xfe"}]}', None),
    (b"[" * 100_000, None),
    (b"", "missing_required_parameter"),
    (b"null", "invalid_type"),
    (b"[1, 2]", "invalid_type"),
    (BEGINNING + b'"\\ud800"}]}', "invalid_value"),
    (BEGINNING + b'"x"}], "temperature": NaN}', "invalid_value"),
    (b'{"n": ' + b"9" * 5000 + b"}", None),
]  # fmt: skip


@pytest.mark.parametrize(("content", "code"), RAW, ids=lambda each: str(each)[:40])
def test_a_body_that_is_no_request_is_400(
    shared: ChatService, content: bytes, code: str | None
) -> None:
    headers = shared.who("user") | {"content-type": "application/json"}
    answer = shared.client.post("/v1/chat/completions", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_a_body_of_another_type_is_told_what_to_send(shared: ChatService) -> None:
    headers = shared.who("user") | {"content-type": "application/x-www-form-urlencoded"}
    answer = shared.client.post("/v1/chat/completions", content=b'{"a": 1}', headers=headers)
    assert answer.status_code == 400
    assert "application/json" in answer.json()["error"]["message"]


def test_a_body_of_10_megabytes_is_refused(shared: ChatService) -> None:
    answer = shared.chat("x" * 10_000_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_a_body_that_hides_its_length_is_refused_too(shared: ChatService) -> None:
    def pieces() -> Any:
        yield b'{"model": "'
        for _ in range(300):
            yield b"x" * 10_000

    headers = shared.who("user") | {"content-type": "application/json"}
    answer = shared.client.post("/v1/chat/completions", content=pieces(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_a_context_that_is_too_long_says_how_long_it_is(core: Core) -> None:
    generator = EchoGenerator(policy_id=None, context_window=8)
    with serve(new_services(core, generator), core) as service:
        error = service.chat("one two three four five six seven eight nine").json()["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")
    assert "9 tokens" in error["message"]


def test_a_header_that_is_neither_on_nor_off_is_refused(shared: ChatService) -> None:
    error = shared.chat(x_tutelage_training="perhaps").json()["error"]
    assert error["param"] == "x-tutelage-training"


def test_after_all_that_the_service_answers(shared: ChatService) -> None:
    for body in ({"n": 0}, {"messages": None}, {"stop": [5]}, {"model": 3}, {"colour": "red"}):
        shared.chat(**body)
    assert shared.ask("Still there?")["choices"][0]["finish_reason"] == "stop"


HISTORIES: list[dict[str, Any]] = [
    {"content": "Hi", "reasoning_content": "They greet me."},
    {"content": "Hi", "reasoning": None},
    {"content": None},
    {"content": []},
    {"content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]},
]


@pytest.mark.parametrize("message", HISTORIES, ids=str)
def test_histories_of_other_servers_are_read(shared: ChatService, message: dict[str, Any]) -> None:
    answer = {"role": "assistant"} | message
    assert shared.chat(messages=[*USER, answer, *USER]).status_code == 200
