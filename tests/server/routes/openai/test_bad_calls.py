"""Bad calls of every OpenAI route, with the status, code and parameter that OpenAI answers."""

from typing import Any

import pytest
from chat_service import ChatService

Call = tuple[Any, str | None, str | None]  # changes to a good body, code, param


def said(content: Any, role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def called(**fields: Any) -> dict[str, Any]:
    """The changes that bring one function tool."""
    return {"tools": [{"type": "function", "function": {"name": "f"} | fields}]}


def json_schema(**fields: Any) -> dict[str, Any]:
    """The changes that ask for a JSON Schema."""
    form = {"type": "json_schema", "json_schema": {"name": "n"} | fields}
    return {"response_format": form}


USER = said("Hi")
BEGUN = [USER, said("Well", "assistant")]


class Absent:
    """Stands for a field that is left out; its name is the same in every test process."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()
MISSING, TYPE, VALUE = "missing_required_parameter", "invalid_type", "invalid_value"
SHORT = "string_below_min_length"
LONG, MANY, FEW = "string_above_max_length", "array_above_max_length", "array_below_min_length"
LOW, HIGH = "integer_below_min_value", "integer_above_max_value"
BELOW, ABOVE = "decimal_below_min_value", "decimal_above_max_value"
UNKNOWN, NO_PARAMETER, NO_VALUE = "unknown_parameter", "unsupported_parameter", "unsupported_value"
FILE = {"type": "file", "file": {"file_id": "f"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}

SAMPLING: list[Call] = [
    ({"temperature": -0.1}, BELOW, "temperature"),
    ({"temperature": -1}, BELOW, "temperature"),
    ({"temperature": 2.1}, ABOVE, "temperature"),
    ({"temperature": 3}, ABOVE, "temperature"),
    ({"temperature": "hot"}, TYPE, "temperature"),
    ({"temperature": True}, TYPE, "temperature"),
    ({"temperature": []}, TYPE, "temperature"),
    ({"top_p": -1}, BELOW, "top_p"),
    ({"top_p": 1.5}, ABOVE, "top_p"),
    ({"top_p": "0.5"}, TYPE, "top_p"),
]
CHAT: list[Call] = [
    *SAMPLING,
    ({"model": ABSENT}, MISSING, "model"),
    ({"model": 3}, TYPE, "model"),
    ({"model": None}, TYPE, "model"),
    ({"model": "gpt-4o"}, "model_not_found", None),
    ({"model": ""}, "model_not_found", None),
    ({"model": "gpt-4o", "temperature": 9}, "model_not_found", None),
    ({"model": "gpt-4o", "messages": "Hi"}, "model_not_found", None),
    ({"model": "gpt-4o", "messages": ABSENT}, "model_not_found", None),
    ({"messages": ABSENT}, MISSING, "messages"),
    ({"messages": None}, TYPE, "messages"),
    ({"messages": "Hi"}, TYPE, "messages"),
    ({"messages": USER}, TYPE, "messages"),
    ({"messages": []}, FEW, "messages"),
    ({"messages": [USER] * 2001}, MANY, "messages"),
    ({"messages": ["Hi"]}, TYPE, "messages[0]"),
    ({"messages": [None]}, TYPE, "messages[0]"),
    ({"messages": [{}]}, MISSING, "messages[0].role"),
    ({"messages": [{"content": "Hi"}]}, MISSING, "messages[0].role"),
    ({"messages": [said("Hi", "robot")]}, VALUE, "messages[0].role"),
    ({"messages": [{"role": 5, "content": "Hi"}]}, TYPE, "messages[0].role"),
    ({"messages": [USER, {"role": None, "content": "Hi"}]}, TYPE, "messages[1].role"),
    ({"messages": [{"role": "user"}]}, MISSING, "messages[0].content"),
    ({"messages": [{"role": "system"}]}, MISSING, "messages[0].content"),
    ({"messages": [USER, {"role": "assistant"}, USER]}, MISSING, "messages[1].content"),
    ({"messages": [USER, said(5, "assistant"), USER]}, TYPE, "messages[1].content"),
    ({"messages": [said(5)]}, TYPE, "messages[0].content"),
    ({"messages": [said(None)]}, TYPE, "messages[0].content"),
    ({"messages": [said({"text": "Hi"})]}, TYPE, "messages[0].content"),
    ({"messages": [said([])]}, FEW, "messages[0].content"),
    ({"messages": [said(["Hi"])]}, TYPE, "messages[0].content[0]"),
    ({"messages": [said([{"text": "Hi"}])]}, MISSING, "messages[0].content[0].type"),
    ({"messages": [said([{"type": "text"}])]}, MISSING, "messages[0].content[0].text"),
    ({"messages": [said([{"type": "text", "text": 5}])]}, TYPE, "messages[0].content[0].text"),
    ({"messages": [said([{"type": "song", "text": "la"}])]}, VALUE, "messages[0].content[0].type"),
    ({"messages": [said([{"type": 7, "text": "la"}])]}, TYPE, "messages[0].content[0].type"),
    ({"messages": [said([IMAGE])]}, NO_VALUE, "messages[0].content[0].type"),
    ({"messages": [USER, said([FILE])]}, NO_VALUE, "messages[1].content[0].type"),
    ({"messages": [said([{"type": "text", "text": "x", "tone": 1}])]}, UNKNOWN,
     "messages[0].content[0].tone"),
    ({"messages": [said("x" * 100_000)]}, LONG, "messages[0].content"),
    ({"messages": [said("a\x00b")]}, VALUE, "messages[0].content"),
    ({"messages": [said("x", mood=1)]}, UNKNOWN, "messages[0].mood"),
    ({"messages": [said("x", name=5)]}, TYPE, "messages[0].name"),
    ({"messages": [said("x", name="n" * 201)]}, LONG, "messages[0].name"),
    ({"messages": [said("x", name="n" * 65)]}, LONG, "messages[0].name"),
    ({"messages": [said("x", name="a b")]}, VALUE, "messages[0].name"),
    ({"messages": [USER, said("4", "tool")]}, MISSING, "messages[1].tool_call_id"),
    ({"messages": [USER, said("", "assistant", tool_calls=[{}]), USER]}, MISSING,
     "messages[1].tool_calls[0].id"),
    ({"messages": [USER, said("", "assistant", tool_calls="f"), USER]}, TYPE,
     "messages[1].tool_calls"),
    ({"n": 0}, LOW, "n"),
    ({"n": -1}, LOW, "n"),
    ({"n": 1000}, HIGH, "n"),
    ({"n": "2"}, TYPE, "n"),
    ({"n": 1.5}, TYPE, "n"),
    ({"n": True}, TYPE, "n"),
    ({"presence_penalty": 2.5}, ABOVE, "presence_penalty"),
    ({"presence_penalty": -3}, BELOW, "presence_penalty"),
    ({"frequency_penalty": 2.5}, ABOVE, "frequency_penalty"),
    ({"frequency_penalty": "a lot"}, TYPE, "frequency_penalty"),
    ({"max_tokens": 0}, LOW, "max_tokens"),
    ({"max_tokens": "9"}, TYPE, "max_tokens"),
    ({"max_completion_tokens": -5}, LOW, "max_completion_tokens"),
    ({"max_completion_tokens": 1.5}, TYPE, "max_completion_tokens"),
    ({"max_tokens": 5, "max_completion_tokens": 5}, "invalid_parameter_combination", "max_tokens"),
    ({"stop": ["a", "b", "c", "d", "e"]}, MANY, "stop"),
    ({"stop": ["a", 5]}, TYPE, "stop[1]"),
    ({"stop": 5}, TYPE, "stop"),
    ({"stop": {"a": 1}}, TYPE, "stop"),
    ({"stop": ""}, "string_below_min_length", "stop"),
    ({"seed": 2**70}, HIGH, "seed"),
    ({"seed": "one"}, TYPE, "seed"),
    ({"seed": 1.5}, TYPE, "seed"),
    ({"stream": "yes"}, TYPE, "stream"),
    ({"stream": 1}, TYPE, "stream"),
    ({"stream_options": {"include_usage": True}}, None, "stream_options"),
    ({"stream_options": {"foo": 1}, "stream": True}, UNKNOWN, "stream_options.foo"),
    ({"stream_options": {"include_usage": "yes"}, "stream": True}, TYPE,
     "stream_options.include_usage"),
    ({"stream_options": "usage", "stream": True}, TYPE, "stream_options"),
    ({"logprobs": 5}, TYPE, "logprobs"),
    ({"logprobs": "yes"}, TYPE, "logprobs"),
    ({"top_logprobs": 3}, None, "top_logprobs"),
    ({"top_logprobs": 21, "logprobs": True}, HIGH, "top_logprobs"),
    ({"top_logprobs": -1, "logprobs": True}, LOW, "top_logprobs"),
    ({"top_logprobs": "3", "logprobs": True}, TYPE, "top_logprobs"),
    ({"logit_bias": {"5": 101}}, None, "logit_bias"),
    ({"logit_bias": {"5": -100.5}}, None, "logit_bias"),
    ({"logit_bias": {"٥": 1}}, VALUE, "logit_bias"),
    ({"logit_bias": {"5": "up"}}, TYPE, "logit_bias.5"),
    ({"logit_bias": {"five": 1}}, VALUE, "logit_bias"),
    ({"logit_bias": {"-1": 1}}, VALUE, "logit_bias"),
    ({"logit_bias": [5]}, TYPE, "logit_bias"),
    ({"metadata": {"a": "b"}}, None, "metadata"),
    ({"metadata": {"a": 1}, "store": True}, TYPE, "metadata.a"),
    ({"metadata": "a", "store": True}, TYPE, "metadata"),
    ({"metadata": {str(i): "x" for i in range(17)}, "store": True},
     "object_above_max_properties", "metadata"),
    ({"metadata": {"k" * 65: "x"}, "store": True}, "property_name_above_max_length", "metadata"),
    ({"metadata": {"a": "x" * 513}, "store": True}, LONG, "metadata.a"),
    ({"store": "yes"}, TYPE, "store"),
    ({"user": 5}, TYPE, "user"),
    ({"user": "u" * 300}, LONG, "user"),
    ({"safety_identifier": "s" * 129}, LONG, "safety_identifier"),
    ({"response_format": "json"}, TYPE, "response_format"),
    ({"response_format": {}}, MISSING, "response_format.type"),
    ({"response_format": {"type": "xml"}}, VALUE, "response_format.type"),
    ({"response_format": {"type": 1}}, TYPE, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, MISSING, "response_format.json_schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {}}}, MISSING,
     "response_format.json_schema.name"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": 5}}}, TYPE,
     "response_format.json_schema.schema"),
    (json_schema(name="a b"), VALUE, "response_format.json_schema.name"),
    (json_schema(name="n" * 65), LONG, "response_format.json_schema.name"),
    (json_schema(name=""), SHORT, "response_format.json_schema.name"),
    ({"tools": {}}, TYPE, "tools"),
    ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, NO_VALUE, "tools[0].type"),
    ({"tools": ["f"]}, TYPE, "tools[0]"),
    ({"tools": [{"type": "function"}]}, MISSING, "tools[0].function"),
    ({"tools": [{"function": {"name": "f"}}]}, MISSING, "tools[0].type"),
    ({"tools": [{"type": "web", "function": {"name": "f"}}]}, VALUE, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {}}]}, MISSING, "tools[0].function.name"),
    (called(name="a b"), VALUE, "tools[0].function.name"),
    (called(name="f" * 65), LONG, "tools[0].function.name"),
    (called(parameters="none"), TYPE, "tools[0].function.parameters"),
    (called(strict="yes"), TYPE, "tools[0].function.strict"),
    ({"tools": called()["tools"] * 129}, MANY, "tools"),
    ({"tool_choice": "required"}, None, "tool_choice"),
    (called() | {"tool_choice": "maybe"}, VALUE, "tool_choice"),
    (called() | {"tool_choice": 5}, TYPE, "tool_choice"),
    (called() | {"tool_choice": {"type": "function"}}, MISSING, "tool_choice.function"),
    ({"parallel_tool_calls": True}, None, "parallel_tool_calls"),
    ({"parallel_tool_calls": "yes"}, TYPE, "parallel_tool_calls"),
    ({"reasoning_effort": "low"}, NO_PARAMETER, "reasoning_effort"),
    ({"reasoning_effort": "huge"}, VALUE, "reasoning_effort"),
    ({"verbosity": "low"}, NO_VALUE, "verbosity"),
    ({"verbosity": "loud"}, VALUE, "verbosity"),
    ({"service_tier": "flex"}, NO_VALUE, "service_tier"),
    ({"service_tier": "gold"}, VALUE, "service_tier"),
    ({"service_tier": 1}, TYPE, "service_tier"),
    ({"modalities": ["text", "audio"]}, NO_VALUE, "modalities"),
    ({"modalities": ["smell"]}, VALUE, "modalities[0]"),
    ({"modalities": []}, FEW, "modalities"),
    ({"modalities": "text"}, TYPE, "modalities"),
    ({"audio": {"voice": "alloy", "format": "wav"}}, NO_PARAMETER, "audio"),
    ({"prediction": {"type": "content", "content": "x"}}, NO_PARAMETER, "prediction"),
    ({"web_search_options": {"user_location": {}}}, NO_PARAMETER, "web_search_options"),
    ({"functions": [{"name": "f"}]}, NO_PARAMETER, "functions"),
    ({"colour": "red"}, UNKNOWN, "colour"),
    ({"chat_template_kwargs": {"thinking": True}}, NO_PARAMETER, "chat_template_kwargs"),
    ({"continue_final_message": True}, VALUE, "messages"),
    ({"add_generation_prompt": False}, VALUE, "messages"),
    ({"continue_final_message": True, "add_generation_prompt": True},
     "invalid_parameter_combination", "continue_final_message"),
    ({"continue_final_message": False, "add_generation_prompt": False},
     "invalid_parameter_combination", "add_generation_prompt"),
    ({"messages": [said("Hi", "assistant")]}, VALUE, "messages"),
    ({"messages": BEGUN, "continue_final_message": False}, VALUE, "messages"),
    ({"messages": BEGUN, "add_generation_prompt": True}, VALUE, "messages"),
    ({"messages": BEGUN, "response_format": {"type": "json_object"}},
     "invalid_parameter_combination", "response_format"),
    ({"repetition_penalty": 0}, BELOW, "repetition_penalty"),
    ({"repetition_penalty": "high"}, TYPE, "repetition_penalty"),
    ({"min_p": 1.5}, ABOVE, "min_p"),
    ({"min_p": -0.1}, BELOW, "min_p"),
    ({"conversation_id": "conv_unknown"}, "not_found", "conversation_id"),
    ({"parent_id": "msg_1"}, VALUE, "parent_id"),
]  # fmt: skip
RESPONSES: list[Call] = [
    *SAMPLING,
    ({"model": ABSENT}, MISSING, "model"),
    ({"model": "gpt-4o", "input": 5}, "model_not_found", None),
    ({"input": ABSENT}, MISSING, "input"),
    ({"input": 5}, TYPE, "input"),
    ({"input": []}, FEW, "input"),
    ({"input": ["Hi"]}, TYPE, "input[0]"),
    ({"input": "x" * 100_000}, LONG, "input"),
    ({"input": [said("x" * 100_000)]}, LONG, "input[0].content"),
    ({"input": [{"content": "Hi"}]}, MISSING, "input[0].role"),
    ({"input": [said("Hi", "robot")]}, VALUE, "input[0].role"),
    ({"input": [{"role": "user"}]}, MISSING, "input[0].content"),
    ({"input": [said([{"type": "input_image"}])]}, VALUE, "input[0].content[0].type"),
    ({"input": [said([{"type": "input_text"}])]}, MISSING, "input[0].content[0].text"),
    ({"input": [{"type": "banana"}]}, VALUE, "input[0].type"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, NO_VALUE, "input[0].type"),
    ({"instructions": 5}, TYPE, "instructions"),
    ({"max_output_tokens": 0}, LOW, "max_output_tokens"),
    ({"previous_response_id": "resp_1"}, "previous_response_not_found", "previous_response_id"),
    ({"text": {"format": {"type": "xml"}}}, VALUE, "text.format.type"),
    ({"text": {"format": {"type": "json_schema"}}}, MISSING, "text.format.name"),
    (
        {"text": {"format": {"type": "json_schema", "name": "a b", "schema": {}}}},
        VALUE,
        "text.format.name",
    ),
    ({"tools": [{"type": "function"}]}, MISSING, "tools[0].name"),
    ({"tools": [{"type": "web_search"}]}, NO_VALUE, "tools[0].type"),
    ({"tools": [{"type": "banana"}]}, VALUE, "tools[0].type"),
    ({"truncation": "auto"}, NO_VALUE, "truncation"),
    ({"truncation": "some"}, VALUE, "truncation"),
    ({"background": True}, NO_PARAMETER, "background"),
    ({"reasoning": {"effort": "low"}}, NO_PARAMETER, "reasoning"),
    ({"reasoning": {"effort": "huge"}}, VALUE, "reasoning.effort"),
    ({"reasoning": 5}, TYPE, "reasoning"),
    ({"conversation": "conv_1"}, NO_PARAMETER, "conversation"),
    ({"include": ["file_search_call.results"]}, NO_PARAMETER, "include"),
    ({"include": ["banana"]}, VALUE, "include[0]"),
    ({"include": "x"}, TYPE, "include"),
    ({"stream_options": {"include_obfuscation": True}}, None, "stream_options"),
    ({"safety_identifier": "s" * 129}, LONG, "safety_identifier"),
    ({"messages": [USER]}, NO_PARAMETER, "messages"),
    ({"max_tokens": 5}, NO_PARAMETER, "max_tokens"),
    ({"max_completion_tokens": 5}, NO_PARAMETER, "max_completion_tokens"),
    ({"response_format": {"type": "json_object"}}, NO_PARAMETER, "response_format"),
    ({"reasoning_effort": "low"}, NO_PARAMETER, "reasoning_effort"),
    ({"top_logprobs": 21}, HIGH, "top_logprobs"),
    ({"metadata": {"a": 1}}, TYPE, "metadata.a"),
    ({"colour": "red"}, UNKNOWN, "colour"),
]
MODERATIONS: list[Call] = [
    ({"input": ABSENT}, MISSING, "input"),
    ({"input": 5}, TYPE, "input"),
    ({"input": []}, FEW, "input"),
    ({"input": ["a", 5]}, TYPE, "input[1]"),
    ({"input": ["a"] * 65}, MANY, "input"),
    ({"input": [{"type": "text"}]}, MISSING, "input[0].text"),
    ({"input": [IMAGE]}, NO_VALUE, "input[0].type"),
    ({"model": 5}, TYPE, "model"),
    ({"colour": "red"}, UNKNOWN, "colour"),
]
EMBEDDINGS: list[Call] = [
    ({"model": ABSENT}, MISSING, "model"),
    ({"model": "text-embedding-3-small"}, "model_not_found", None),
    ({"input": ABSENT}, MISSING, "input"),
    ({"input": ""}, "string_below_min_length", "input"),
    ({"input": []}, FEW, "input"),
    ({"input": ["a", ""]}, "string_below_min_length", "input[1]"),
    ({"input": [1, 2]}, TYPE, "input[0]"),
    ({"input": ["a"] * 257}, MANY, "input"),
    ({"input": "word " * 600}, "context_length_exceeded", "input"),
    ({"dimensions": 0}, LOW, "dimensions"),
    ({"dimensions": 256}, NO_VALUE, "dimensions"),
    ({"encoding_format": "hex"}, VALUE, "encoding_format"),
]
TEXTS: list[Call] = [
    *SAMPLING,
    ({"model": "gpt-3.5-turbo-instruct", "prompt": 5}, "model_not_found", None),
    ({"prompt": ABSENT}, MISSING, "prompt"),
    ({"prompt": 5}, TYPE, "prompt"),
    ({"prompt": ""}, "string_below_min_length", "prompt"),
    ({"prompt": []}, FEW, "prompt"),
    ({"prompt": ["a", "b"]}, MANY, "prompt"),
    ({"prompt": [1]}, TYPE, "prompt[0]"),
    ({"prompt": "x" * 100_000}, LONG, "prompt"),
    ({"max_tokens": 0}, LOW, "max_tokens"),
    ({"logprobs": 6}, HIGH, "logprobs"),
    ({"logprobs": True}, TYPE, "logprobs"),
    ({"echo": True, "logprobs": 1}, "invalid_parameter_combination", "echo"),
    ({"suffix": "end"}, NO_PARAMETER, "suffix"),
    ({"best_of": 3}, NO_VALUE, "best_of"),
    ({"best_of": 0}, LOW, "best_of"),
    ({"stream_options": {"include_usage": True}}, None, "stream_options"),
    ({"messages": []}, UNKNOWN, "messages"),
]  # fmt: skip
FEEDBACK: list[Call] = [
    ({"kind": ABSENT}, MISSING, "kind"),
    ({"kind": "stars"}, VALUE, "kind"),
    ({"value": ABSENT}, MISSING, "value"),
    ({"value": 1}, TYPE, "value"),
    ({"reasons": [5]}, TYPE, "reasons[0]"),
    ({"choice": -1}, LOW, "choice"),
    ({"message_id": ABSENT}, MISSING, "completion_id"),
    ({"completion_id": "chatcmpl-1"}, "invalid_parameter_combination", "completion_id"),
    ({"message_id": "msg_unknown"}, "not_found", "message_id"),
    ({"kind": "ranking", "message_id": ABSENT, "value": ABSENT, "ranking": [[0]]}, MISSING,
     "completion_id"),
]  # fmt: skip
ROUTES: dict[str, tuple[dict[str, Any], list[Call]]] = {
    "/v1/chat/completions": ({"model": "tutelage", "messages": [USER]}, CHAT),
    "/v1/completions": ({"model": "tutelage", "prompt": "Hi"}, TEXTS),
    "/v1/responses": ({"model": "tutelage", "input": "Hi"}, RESPONSES),
    "/v1/embeddings": ({"model": "all-minilm-l6-v2", "input": "Hi"}, EMBEDDINGS),
    "/v1/moderations": ({"input": "Hi"}, MODERATIONS),
    "/v1/feedback": ({"kind": "thumbs", "message_id": "msg_1", "value": "up"}, FEEDBACK),
}
CALLS = [
    pytest.param(path, good | changes, code, param, id=f"{path} {changes!s:.60}")
    for path, (good, calls) in ROUTES.items()
    for changes, code, param in calls
]


@pytest.mark.parametrize(("path", "body", "code", "param"), CALLS)
def test_a_bad_body_is_named_as_openai_names_it(
    shared: ChatService, path: str, body: dict[str, Any], code: str | None, param: str | None
) -> None:
    sent = {name: value for name, value in body.items() if value is not ABSENT}
    answer = shared.post(path, sent)
    error = answer.json()["error"]
    assert answer.status_code == (404 if code in ("model_not_found", "not_found") else 400)
    assert (error["code"], error["param"]) == (code, param), error["message"]
    assert error["type"] == "invalid_request_error" and error["message"]


QUERIES: list[tuple[str, int, str | None, str | None]] = [
    ("/v1/models/gpt-4o", 404, "model_not_found", "model"),
    ("/v1/chat/completions?limit=0", 400, LOW, "limit"),
    ("/v1/chat/completions?limit=1000", 400, HIGH, "limit"),
    ("/v1/chat/completions?limit=few", 400, TYPE, "limit"),
    ("/v1/chat/completions?order=up", 400, VALUE, "order"),
    ("/v1/unknown", 404, "unknown_url", None),
    ("/v1/moderations", 405, "method_not_supported", None),
]


@pytest.mark.parametrize(("path", "status", "code", "param"), QUERIES)
def test_a_bad_address_is_named(
    shared: ChatService, path: str, status: int, code: str | None, param: str | None
) -> None:
    answer = shared.get(path)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
