"""The official ``openai`` SDK against a real socket; and clients that go away."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from chat_service import HARMLESS, Gated, eventually, listen, new_key, new_services
from sqlmodel import select

from tutelage.composition import Core
from tutelage.tables import Message


@pytest.fixture
def sdk(core: Core) -> Iterator[openai.OpenAI]:
    """The SDK with a key, as its documentation says."""
    with listen(new_services(core)) as address:
        key = new_key(core.store, "program")
        with openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
            yield client


def test_it_completes(sdk: openai.OpenAI) -> None:
    completion = sdk.chat.completions.create(
        model="tutelage", messages=[{"role": "user", "content": "Hello there"}], n=2, logprobs=True
    )
    assert [choice.message.content for choice in completion.choices] == ["Hello there"] * 2
    assert completion.usage and completion.usage.total_tokens == 8
    assert completion.choices[0].logprobs and completion.choices[0].logprobs.content


def test_it_streams(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(
        model="tutelage",
        messages=[{"role": "user", "content": HARMLESS}],
        stream_options={"include_usage": True},
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds
    assert final.choices[0].message.content == HARMLESS
    assert final.usage and final.usage.completion_tokens > 5


def test_an_answer_goes_back_in_as_a_message(sdk: openai.OpenAI) -> None:
    asked = {"role": "user", "content": "Hello"}
    first = sdk.chat.completions.create(model="tutelage", messages=[asked])  # type: ignore[list-item]
    messages = [asked, first.choices[0].message, {"role": "user", "content": "And now?"}]
    second = sdk.chat.completions.create(model="tutelage", messages=messages)  # type: ignore[arg-type]
    assert second.choices[0].message.content == "And now?"


def test_it_lists_models(sdk: openai.OpenAI) -> None:
    assert [model.id for model in sdk.models.list()] == ["tutelage", "policy-0000"]
    assert sdk.models.retrieve("tutelage").owned_by == "tutelage"


def test_it_embeds(sdk: openai.OpenAI) -> None:
    asked: Any = {"model": "all-minilm-l6-v2", "input": ["a flower"]}
    by_default = sdk.embeddings.create(**asked).data[0].embedding  # as base64
    as_floats = sdk.embeddings.create(**asked, dimensions=384, encoding_format="float").data[0]
    assert len(by_default) == 384
    assert by_default == pytest.approx(as_floats.embedding, abs=1e-6)


def test_the_bytes_of_its_tokens_join_to_the_text(sdk: openai.OpenAI) -> None:
    [choice] = sdk.chat.completions.create(
        model="tutelage",
        messages=[{"role": "user", "content": "naïve 日本 🎉"}],
        logprobs=True,
        top_logprobs=2,
    ).choices
    assert choice.logprobs and choice.logprobs.content and choice.message.content
    joined = b"".join(bytes(token.bytes or []) for token in choice.logprobs.content)
    assert joined.decode() == choice.message.content


def test_it_moderates(sdk: openai.OpenAI) -> None:
    result = sdk.moderations.create(
        input=["a vileword", "a flower"], model="omni-moderation-latest"
    )
    assert [each.flagged for each in result.results] == [True, False]
    assert result.results[0].categories.hate and result.results[0].category_scores.hate == 1.0
    assert result.results[0].category_applied_input_types.sexual_minors == ["text"]


def test_its_exceptions_fit(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        sdk.chat.completions.create(model="x", messages=[{"role": "user", "content": "Hi"}])
    assert unknown.value.code == "model_not_found" and unknown.value.param is None  # as OpenAI's
    assert unknown.value.request_id and unknown.value.request_id.startswith("req_")
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="tk-wrong").models.list()
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(model="tutelage", messages=[], temperature=9)


def answers(core: Core) -> list[Message]:
    """All stored answers."""
    with core.store.read() as session:
        return list(session.exec(select(Message).where(Message.role == "assistant")))


LONG = "word " * 400


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_stops_the_generation(core: Core, stream: bool) -> None:
    generator = Gated(free=20)
    with listen(new_services(core, generator)) as address:
        key = new_key(core.store, "program")
        body = json.dumps({
            "model": "tutelage", "stream": stream, "messages": [{"role": "user", "content": LONG}],
        })  # fmt: skip
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as connection:
            head = [
                "POST /v1/chat/completions HTTP/1.1", "host: x", f"authorization: Bearer {key}",
                "content-type: application/json", f"content-length: {len(body)}", "", body,
            ]  # fmt: skip
            connection.sendall("\r\n".join(head).encode())
            assert eventually(lambda: generator.said > 20)
        assert eventually(lambda: generator.running == 0)
        assert eventually(lambda: len(answers(core)) == 1)
    [kept] = answers(core)
    assert kept.finish_reason == "cancelled"
    assert kept.content == "word " * 20 and len(kept.token_ids or []) == 20


def streamed(address: str, key: str, text: str) -> Any:
    """A streamed answer that is being read."""
    body = {"model": "tutelage", "stream": True, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {key}"}
    url = f"{address}/v1/chat/completions"
    return httpx.stream("POST", url, json=body, headers=headers, timeout=60)


def test_the_first_text_does_not_wait_for_the_last(core: Core) -> None:
    generator = Gated(free=20)
    key = new_key(core.store, "program")
    with (
        listen(new_services(core, generator)) as address,
        streamed(address, key, HARMLESS * 3) as answer,
    ):
        lines = answer.iter_lines()
        assert next(line for line in lines if '"content":"A harm' in line)
        assert generator.running == 1
        generator.gate.set()
        assert list(lines)[-2] == "data: [DONE]"


def test_stopping_the_server_keeps_what_was_written(core: Core) -> None:
    running = listen(new_services(core, Gated(free=20)))
    address = running.__enter__()
    with streamed(address, new_key(core.store, "program"), LONG) as answer:
        next(line for line in answer.iter_lines() if "word" in line)
        running.__exit__(None, None, None)
    [kept] = answers(core)
    assert kept.content.startswith("word") and kept.finish_reason in ("cancelled", "error")
