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
IMAGE = [{"type": "image_url", "image_url": {"url": "data:,"}}]
DEFAULTS: dict[str, Any] = {
    "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "tools": [],
    "tool_choice": "none", "parallel_tool_calls": True, "response_format": {"type": "text"},
    "modalities": ["text"], "service_tier": "auto", "store": True, "metadata": {"a": "b"},
    "user": "me", "n": None, "temperature": None, "top_p": None, "max_tokens": None, "stop": None,
    "seed": None, "stream": None, "stream_options": None, "logprobs": None, "top_logprobs": 0,
    "safety_identifier": "x", "prompt_cache_key": "y", "reasoning_effort": None, "functions": None,
}  # fmt: skip


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_openai_clients_send_by_default_is_accepted(shared: ChatService, name: str) -> None:
    assert shared.chat(**{name: DEFAULTS[name]}).status_code == 200


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": "red"}, "unknown_parameter", "colour"),
    ({"messages": said("x", mood=1)}, "unknown_parameter", "messages.0.mood"),
    ({"stream_options": {"foo": 1}, "stream": True}, "unknown_parameter", "stream_options.foo"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools.0.function"),
    ({"logit_bias": {"5": 101}}, "invalid_value", "logit_bias.5"),
    ({"logit_bias": {"five": 1}}, "invalid_value", "logit_bias.five"),
    ({"presence_penalty": 2.5}, "invalid_value", "presence_penalty"),
    ({"response_format": {"type": "xml"}}, "invalid_value", "response_format"),
    (
        {"response_format": {"type": "json_schema"}},
        "missing_required_parameter", "response_format.json_schema",
    ),
    ({"top_logprobs": 3}, "invalid_value", "top_logprobs"),
    ({"top_logprobs": 21, "logprobs": True}, "invalid_value", "top_logprobs"),
    ({"messages": said(IMAGE)}, "unsupported_value", "messages.0.content.0.type"),
    ({"messages": []}, "invalid_value", "messages"),
    ({"messages": None}, "invalid_value", "messages"),
    ({"messages": "Hi"}, "invalid_value", "messages"),
    ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages.0.content"),
    ({"messages": said(5)}, "invalid_value", "messages.0.content"),
    ({"messages": said(None)}, "invalid_value", "messages.0.content"),
    ({"messages": said([])}, "invalid_value", "messages.0.content"),
    ({"messages": said("x", "robot")}, "invalid_value", "messages.0"),
    ({"messages": USER + said("x", "assistant")}, "invalid_value", "messages"),
    ({"messages": said("x" * 100_000)}, "invalid_value", "messages.0.content"),
    ({"messages": said("a\x00b")}, "invalid_value", "messages.0.content"),
    ({"messages": USER * 2001}, "invalid_value", "messages"),
    ({"n": 1000}, "invalid_value", "n"),
    ({"n": 0}, "invalid_value", "n"),
    ({"n": "2"}, "invalid_value", "n"),
    ({"n": 1.5}, "invalid_value", "n"),
    ({"temperature": -0.1}, "invalid_value", "temperature"),
    ({"temperature": 2.1}, "invalid_value", "temperature"),
    ({"temperature": "hot"}, "invalid_value", "temperature"),
    ({"top_p": -1}, "invalid_value", "top_p"),
    ({"max_tokens": 0}, "invalid_value", "max_tokens"),
    ({"max_completion_tokens": -5}, "invalid_value", "max_completion_tokens"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "invalid_value", "stop"),
    ({"stop": ["a", 5]}, "invalid_value", "stop.1"),
    ({"stop": ""}, "invalid_value", "stop"),
    ({"seed": 2**70}, "invalid_value", "seed"),
    ({"stream": "yes"}, "invalid_value", "stream"),
    ({"stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
    ({"metadata": {"a": 1}}, "invalid_value", "metadata.a"),
    ({"parent_id": "msg_1"}, "invalid_value", "parent_id"),
    ({"conversation_id": "conv_unknown"}, "not_found", "conversation_id"),
    ({"model": "gpt-4o"}, "model_not_found", "model"),
    ({"model": 3}, "invalid_value", "model"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "param"), BAD, ids=lambda each: str(each)[:50])
def test_bad_input_is_named(
    shared: ChatService, body: dict[str, Any], code: str, param: str
) -> None:
    answer = shared.chat(**body)
    error = answer.json()["error"]
    assert answer.status_code == (404 if "not_found" in code else 400)
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == "invalid_request_error" and error["message"]


@pytest.mark.parametrize("name", ["model", "messages"])
def test_a_missing_field_is_named(shared: ChatService, name: str) -> None:
    body = {"model": "tutelage", "messages": USER}
    del body[name]
    error = shared.post("/v1/chat/completions", body).json()["error"]
    assert (error["code"], error["param"]) == ("missing_required_parameter", name)


BEGINNING = b'{"model": "tutelage", "messages": [{"role": "user", "content": '
RAW: list[tuple[bytes, str]] = [
    (b'{"model": "tutelage", "messages": ', "invalid_json"),
    (BEGINNING + b'"\xff\xfe"}]}', "invalid_json"),
    (b"[" * 100_000, "invalid_json"),
    (b"", "missing_required_parameter"),
    (b"null", "invalid_value"),
    (b"[1, 2]", "invalid_value"),
    (BEGINNING + b'"\\ud800"}]}', "invalid_value"),
    (BEGINNING + b'"x"}], "temperature": NaN}', "invalid_value"),
    (b'{"n": ' + b"9" * 5000 + b"}", "invalid_json"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "code"), RAW, ids=lambda each: str(each)[:40])
def test_a_body_that_is_no_request_is_400(shared: ChatService, content: bytes, code: str) -> None:
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
    for body, _, _ in BAD[:5]:
        shared.chat(**body)
    assert shared.ask("Still there?")["choices"][0]["finish_reason"] == "stop"
