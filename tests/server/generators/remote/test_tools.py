"""Tools go to an engine that knows them and come back, through the official SDK."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from chat_service import WORDS, eventually, listen, new_key, new_services, promote
from fake_engines import FakeEngine, listening, openai_app, tgi_app
from sqlmodel import select

from server.generators.remote.openai import OpenAIEngine
from server.generators.remote.remote import RemoteGenerator
from server.generators.remote.tgi import TGIMessagesEngine
from tutelage.composition import Core
from tutelage.policies import deployment
from tutelage.tables import Message

ASKED = {"role": "user", "content": "How is the weather in Oslo?"}
WEATHER = {
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TOOLS: Any = [{"type": "function", "function": WEATHER}]
Ask = dict[str, Any]


def publish(core: Core, policies: Path) -> None:
    """A policy with a chat template becomes current."""

    def build(directory: Path) -> None:
        for file in (policies / "policy-0000").iterdir():
            (directory / file.name).write_bytes(file.read_bytes())

    core.library.publish("policy-0005", build, {})
    with core.store.write() as session:
        deployment.register(session, "policy-0005", core.library.manifest_sha256("policy-0005"))
    promote(core, "policy-0005")


@pytest.fixture
def fake() -> FakeEngine:
    """An engine that serves it."""
    return FakeEngine("policy-0005")


@pytest.fixture(params=["openai", "tgi-messages"])
def sdk(
    request: pytest.FixtureRequest, core: Core, policies: Path, fake: FakeEngine
) -> Iterator[openai.OpenAI]:
    """The SDK against the service, whose policy a remote engine serves."""
    publish(core, policies)
    known_to_openai = request.param == "openai"
    with listening(openai_app(fake) if known_to_openai else tgi_app(fake)) as url:
        engine = (
            OpenAIEngine(f"{url}/v1") if known_to_openai else TGIMessagesEngine(f"{url}/{{policy}}")
        )
        services = new_services(core, RemoteGenerator(engine))
        with listen(services) as address:
            assert eventually(lambda: services.generator.policy_id == "policy-0005")
            key = new_key(core.store, "program")
            with openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
                yield client


def ask(sdk: openai.OpenAI, *messages: Any, **options: Any) -> Any:
    return sdk.chat.completions.create(model="tutelage", messages=list(messages), **options)


def test_a_tool_is_called_and_its_answer_goes_back(sdk: openai.OpenAI, fake: FakeEngine) -> None:
    first = ask(sdk, ASKED, tools=TOOLS, tool_choice="auto", store=True).choices[0]
    assert first.finish_reason == "tool_calls"
    [call] = first.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Oslo"}')
    assert fake.asked[-1]["tools"][0]["function"]["name"] == "weather"
    found = {"role": "tool", "tool_call_id": call.id, "content": "Rain all day"}
    last = ask(sdk, ASKED, first.message.model_dump(), found, tools=TOOLS).choices[0]
    assert (last.message.content, last.finish_reason) == ("Rain all day", "stop")
    _, called, answered = fake.asked[-1]["messages"]
    assert called["tool_calls"][0]["id"] == answered["tool_call_id"] == "call_1"


def test_a_call_is_streamed(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.stream(model="tutelage", messages=[ASKED], tools=TOOLS) as stream:  # type: ignore[list-item]
        choice = list(stream) and stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.tool_calls
    assert choice.message.tool_calls[0].function.arguments == '{"city": "Oslo"}'


def test_a_call_is_stored_and_its_conversation_goes_on(sdk: openai.OpenAI, core: Core) -> None:
    first = ask(sdk, ASKED, tools=TOOLS, store=True)
    stored = sdk.chat.completions.retrieve(first.id).choices[0].message
    assert stored.tool_calls and stored.tool_calls[0].id == "call_1"
    found = {"role": "tool", "tool_call_id": "call_1", "content": "Sun"}
    place = {"conversation_id": first.tutelage["conversation_id"]}
    assert ask(sdk, found, tools=TOOLS, extra_body=place).choices[0].message.content == "Sun"
    with core.store.read() as session:
        kept = session.exec(select(Message).where(Message.role == "tool")).one()
    assert kept.tool_call_id == "call_1"


def test_a_call_is_moderated_before_it_is_given(core: Core, policies: Path) -> None:
    publish(core, policies)
    vile = next(word for word, category in WORDS.items() if category == "hate")
    tools = [{"type": "function", "function": {**WEATHER, "name": vile}}]
    with listening(openai_app(FakeEngine("policy-0005"))) as url:
        services = new_services(core, RemoteGenerator(OpenAIEngine(f"{url}/v1")))
        with listen(services) as address:
            assert eventually(lambda: services.generator.policy_id == "policy-0005")
            client = openai.OpenAI(base_url=f"{address}/v1", api_key=new_key(core.store, "program"))
            [choice] = ask(client, ASKED, tools=tools).choices
    assert choice.finish_reason == "content_filter" and choice.message.tool_calls is None


def test_a_policy_that_cannot_use_tools_says_so(core: Core) -> None:
    called = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    used = [ASKED, {"role": "assistant", "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "c", "content": "Rain"}]  # fmt: skip
    with listen(new_services(core)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key=new_key(core.store, "program"))
        for param, messages, options in (
            ("tools", [ASKED], {"tools": TOOLS}),
            ("messages", used, {}),
            ("tool_choice", [ASKED], {"tool_choice": "required"}),
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                ask(client, *messages, **options)
            assert refused.value.param == param


FLAT: Any = [{"type": "function", "strict": None, **WEATHER}]


def test_a_response_calls_a_tool_and_goes_on(sdk: openai.OpenAI, fake: FakeEngine) -> None:
    asked = "How is the weather in Oslo?"
    first = sdk.responses.create(model="tutelage", input=asked, tools=FLAT, tool_choice="auto")
    [call] = first.output
    assert call.type == "function_call" and first.status == "completed"
    assert (call.name, call.arguments, call.call_id) == ("weather", '{"city": "Oslo"}', "call_1")
    assert fake.asked[-1]["tools"] == TOOLS
    assert sdk.responses.retrieve(first.id).output == first.output
    found: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "Rain all day"}
    again: Any = [{"role": "user", "content": asked}, call.to_dict(), found]
    for place in ({"input": [found], "previous_response_id": first.id}, {"input": again}):
        last = sdk.responses.create(model="tutelage", tools=FLAT, **place)  # type: ignore[call-overload]
        assert last.output_text == "Rain all day"
        _, called, answered = fake.asked[-1]["messages"][-3:]
        assert called["tool_calls"][0]["id"] == answered["tool_call_id"] == "call_1"


def test_a_response_streams_its_call(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="tutelage", input="Oslo?", tools=FLAT) as stream:
        kinds = [event.type for event in stream]
        [call] = stream.get_final_response().output
    assert call.type == "function_call" and call.arguments == '{"city": "Oslo"}'
    assert kinds[2:6] == [
        "response.output_item.added", "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "response.output_item.done",
    ]  # fmt: skip


def test_a_response_names_the_tool_that_must_be_called(
    sdk: openai.OpenAI, fake: FakeEngine
) -> None:
    sdk.responses.create(
        model="tutelage",
        input="Oslo?",
        tools=FLAT,
        tool_choice={"type": "function", "name": "weather"},
    )
    assert fake.asked[-1]["tool_choice"] == {"type": "function", "function": {"name": "weather"}}


def test_a_response_without_tools_says_so(core: Core) -> None:
    call: Any = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
    found: Any = {"type": "function_call_output", "call_id": "c", "output": "Rain"}
    with listen(new_services(core)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key=new_key(core.store, "program"))
        for param, said, options in (
            ("tools", "Oslo?", {"tools": FLAT}),
            ("input", [ASKED, call, found], {}),
            ("tool_choice", "Oslo?", {"tool_choice": "required"}),
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                client.responses.create(model="tutelage", input=said, **options)  # type: ignore[call-overload]
            assert refused.value.param == param
