"""The responses API, by the official SDK and by hand."""

from collections.abc import Iterator

import openai
import pytest
from chat_service import HARMLESS, ChatService, listen, new_key, new_services

from tutelage.composition import Core

PATH = "/v1/responses"


@pytest.fixture
def sdk(core: Core) -> Iterator[openai.OpenAI]:
    with listen(new_services(core)) as address:
        key = new_key(core.store, "program")
        with openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
            yield client


def test_it_answers_and_can_be_got_again(sdk: openai.OpenAI) -> None:
    made = sdk.responses.create(model="tutelage", input="Hello there", metadata={"a": "b"})
    assert (made.output_text, made.status) == ("Hello there", "completed")
    assert made.usage and made.usage.total_tokens == 5
    found = sdk.responses.retrieve(made.id)
    assert (found.output_text, found.metadata, found.model) == (
        "Hello there", {"a": "b"}, "policy-0000",
    )  # fmt: skip


def test_it_streams_numbered_events(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="tutelage", input=HARMLESS) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    assert numbers == sorted(numbers)
    assert final.output_text == HARMLESS


def test_a_previous_response_is_continued(service: ChatService) -> None:
    first = service.post(PATH, {"model": "tutelage", "input": "One", "instructions": "Sing"}).json()
    body = {"model": "tutelage", "input": "Two", "previous_response_id": first["id"]}
    second = service.post(PATH, body).json()
    assert second["usage"]["input_tokens"] == 3  # One, One, Two: instructions do not carry over
    assert second["previous_response_id"] == first["id"]


def test_a_deleted_one_is_gone(service: ChatService) -> None:
    made = service.post(PATH, {"model": "tutelage", "input": "Hello"}).json()
    assert service.delete(f"{PATH}/{made['id']}").json()["deleted"] is True
    assert service.get(f"{PATH}/{made['id']}").status_code == 404


def test_what_was_not_stored_cannot_be_continued(service: ChatService) -> None:
    made = service.post(PATH, {"model": "tutelage", "input": "Hello", "store": False}).json()
    body = {"model": "tutelage", "input": "And?", "previous_response_id": made["id"]}
    error = service.post(PATH, body).json()["error"]
    assert error["param"] == "previous_response_id"


def test_an_answer_that_is_cut_is_incomplete(service: ChatService) -> None:
    body = {"model": "tutelage", "input": "one two three", "max_output_tokens": 2}
    made = service.post(PATH, body).json()
    assert (made["status"], made["incomplete_details"]) == (
        "incomplete", {"reason": "max_output_tokens"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"temperature": 3}, "temperature"),
        ({"input": []}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
         "input[0].content[0].type"),
        ({"colour": 1}, "colour"),
    ],
)  # fmt: skip
def test_bad_parameters_are_named(shared: ChatService, change: dict, param: str) -> None:
    answer = shared.post(PATH, {"model": "tutelage", "input": "Hi"} | change)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_nobody_gets_anothers(service: ChatService) -> None:
    made = service.post(PATH, {"model": "tutelage", "input": "Hello"}).json()
    assert service.get(f"{PATH}/{made['id']}", "other").status_code == 404
