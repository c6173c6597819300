"""POST /v1/completions continues a text, in OpenAI's older format."""

import json
from typing import Any

from chat_service import ChatService
from openai import OpenAI


def complete(service: ChatService, **body: Any) -> Any:
    answer = service.post("/v1/completions", {"model": "tutelage", "prompt": "one two"} | body)
    assert answer.status_code == 200, answer.text
    return answer


def test_a_text_is_continued(shared: ChatService) -> None:
    found = complete(shared, n=2, max_tokens=1).json()
    assert found["object"] == "text_completion" and found["id"].startswith("cmpl-")
    assert [(c["index"], c["text"], c["finish_reason"]) for c in found["choices"]] == [
        (0, "one ", "length"), (1, "one ", "length"),
    ]  # fmt: skip
    assert found["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}


def test_it_is_stored_and_never_trained_on(shared: ChatService) -> None:
    stored = shared.conversation(complete(shared, prompt=["one two"]).json())
    assert [each["content"] for each in stored["messages"]] == ["one two", "one two"]
    assert stored["training"] is False


def test_echo_begins_with_the_prompt(shared: ChatService) -> None:
    assert complete(shared, echo=True).json()["choices"][0]["text"] == "one twoone two"


def test_log_probabilities_lie_in_parallel_lists(shared: ChatService) -> None:
    told = complete(shared, logprobs=0).json()["choices"][0]["logprobs"]
    assert told["tokens"] == ["one ", "two"] and told["text_offset"] == [0, 4]
    assert len(told["token_logprobs"]) == 2 and told["top_logprobs"] is None


def test_a_stream_has_chunks_of_the_same_form(shared: ChatService) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}, "logprobs": 1}
    *events, done = complete(shared, **options).text.strip().split("\n\n")
    chunks = [json.loads(each.removeprefix("data: ")) for each in events]
    assert done == "data: [DONE]" and chunks[0]["tutelage"]["message_ids"]
    assert "".join(c["text"] for chunk in chunks for c in chunk["choices"]) == "one two"
    assert [c["finish_reason"] for chunk in chunks for c in chunk["choices"]][-1] == "stop"
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 3
    told = [c["logprobs"] for chunk in chunks for c in chunk["choices"] if c["logprobs"]]
    assert [place for each in told for place in each["text_offset"]] == [0, 4]


def test_the_filter_reads_prompt_and_completion(shared: ChatService) -> None:
    blocked = complete(shared, prompt="a vileword here").json()
    assert blocked["choices"][0]["finish_reason"] == "content_filter"
    assert blocked["choices"][0]["text"] == ""


def test_the_official_sdk_reads_it(shared: ChatService) -> None:
    client = OpenAI(
        base_url="http://testserver/v1", api_key=shared.keys["user"], http_client=shared.client
    )
    parts = client.completions.create(model="tutelage", prompt="one two", stream=True)
    assert "".join(each.choices[0].text for each in parts) == "one two"
