"""A chat turn: what moderation does to it, what is refused, how it fails."""

import re
from typing import Any

import pytest
from chat_service import HARMLESS, ChatService, new_services, serve, stored, with_rules
from sqlmodel import select

from server.generators.echo import EchoGenerator
from tutelage.composition import Core
from tutelage.tables import ModerationRecord

TEXT = {"type": "text"}


def test_a_blocked_prompt_is_not_answered(service: ChatService) -> None:
    completion = service.ask("I say threatword to you", n=2)
    assert [each["finish_reason"] for each in completion["choices"]] == ["content_filter"] * 2
    notice = completion["tutelage"]["moderation"]["prompt"]
    assert notice["action"] == "block" and notice["categories"] == ["hate/threatening"]
    assert completion["choices"][0]["message"]["content"] == notice["message"]
    message = stored(service, completion["tutelage"]["message_ids"][0])
    assert message.policy_id is None and message.token_ids is None


def test_a_warned_prompt_is_answered_with_a_notice(service: ChatService) -> None:
    completion = service.ask("A lewdword question")
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert completion["tutelage"]["moderation"]["prompt"]["action"] == "warn"
    prompt = service.conversation(completion)["messages"][0]
    assert prompt["moderation"]["categories"] == ["sexual"]


@pytest.fixture
def rude(core: Core) -> Any:
    """A service whose policy says something hateful after something harmless."""
    replies = {"Go on": HARMLESS + "And then a vileword comes, and more."}
    with serve(new_services(core, EchoGenerator(replies, policy_id=None)), core) as service:
        yield service


def test_of_a_blocked_answer_only_what_was_shown_remains(rude: ChatService) -> None:
    completion = rude.ask("Go on")
    choice = completion["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    assert HARMLESS.startswith(choice["message"]["content"][:40])
    assert completion["tutelage"]["moderation"]["responses"][0]["action"] == "block"
    message = stored(rude, completion["tutelage"]["message_ids"][0])
    assert message.content == choice["message"]["content"]
    assert "vileword" not in message.content
    words = re.finditer(r"\S+ ?", HARMLESS)  # each is a token: those shown whole are kept
    shown = sum(word.end() <= len(message.content) for word in words)
    assert len(message.token_ids or []) == shown > 5


def test_nothing_of_a_blocked_window_leaks_into_a_stream(rude: ChatService) -> None:
    answer = rude.chat("Go on", stream=True, logprobs=True)
    assert "vileword" not in answer.text
    assert '"finish_reason":"content_filter"' in answer.text
    assert '"action":"block"' in answer.text


def test_the_verdict_on_an_answer_is_recorded(rude: ChatService) -> None:
    message_id = rude.ask("Go on")["tutelage"]["message_ids"][0]
    with rude.core.store.read() as session:
        statement = select(ModerationRecord).where(ModerationRecord.message_id == message_id)
        record = session.exec(statement).one()
    assert (record.action, record.categories) == ("block", ["hate"])
    assert record.span and record.scores["hate"] == 1.0


class BrokenClassifier:
    """Fails always."""

    version = "broken-1"

    def classify(self, texts: Any) -> Any:
        raise RuntimeError("out of order")


def test_without_a_working_classifier_nothing_is_answered(core: Core) -> None:
    services = new_services(core)
    object.__setattr__(services, "classifier", BrokenClassifier())
    with serve(services, core) as service:
        completion = service.ask("Hello")
    assert completion["choices"][0]["finish_reason"] == "content_filter"
    assert "could not be checked" in completion["choices"][0]["message"]["content"]


def test_moderation_can_be_switched_off(core: Core) -> None:
    services = new_services(core)
    object.__setattr__(services, "classifier", None)
    with serve(services, core) as service:
        assert service.ask("threatword")["choices"][0]["message"]["content"] == "threatword"


def test_rules_follow_the_settings(core: Core) -> None:
    rules = '{"prompt": {"hate": "block"}}'
    with serve(with_rules(new_services(core), rules), core) as service:
        assert service.ask("vileword")["choices"][0]["finish_reason"] == "content_filter"


def test_what_is_refused_leaves_nothing_behind(core: Core) -> None:
    generator = EchoGenerator(policy_id=None, context_window=4)
    with serve(new_services(core, generator), core) as service:
        assert service.chat("far too many words for this one").status_code == 400
        assert service.get("/v1/conversations").json()["data"] == []


def test_an_overloaded_generator_is_503_with_retry_after(core: Core) -> None:
    generator = EchoGenerator(policy_id=None, max_streams=2)
    with serve(new_services(core, generator), core) as service:
        answer = service.chat(n=3)
        assert generator.running == 0
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert answer.json()["error"]["code"] == "overloaded"


class Breaking(EchoGenerator):
    """Fails after two tokens of each answer."""

    def __init__(self) -> None:
        super().__init__(policy_id=None)
        self._left = 2

    async def pause(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("a bug")


def test_a_failure_in_the_middle_of_a_stream_is_an_event(core: Core) -> None:
    with serve(new_services(core, Breaking()), core) as service:
        lines = service.chat(HARMLESS, stream=True).text.strip().splitlines()
        assert '"error"' in lines[-1] and "a bug" not in lines[-1]
        [row] = service.get("/v1/conversations").json()["data"]
        kept = service.get(f"/v1/conversations/{row['id']}").json()["messages"]
    assert kept[1]["finish_reason"] == "error" and kept[1]["content"].startswith("A harmless")


def test_a_failure_without_a_stream_is_500(core: Core) -> None:
    with serve(new_services(core, Breaking()), core) as service:
        answer = service.chat(HARMLESS)
    assert answer.status_code == 500 and answer.json()["error"]["code"] == "internal_error"


@pytest.mark.parametrize(
    "before",
    [
        [{"role": "system", "content": "A threatword."}],
        [{"role": "developer", "content": "A threatword."}],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "A threatword."}],
        [{"role": "user", "content": "A threatword."}, {"role": "assistant", "content": "Hi"}],
        [{"role": "user", "content": [TEXT | {"text": "thre"}, TEXT | {"text": "atword"}]},
         {"role": "assistant", "content": "Hi"}],
    ],
)  # fmt: skip
def test_every_part_that_a_client_wrote_is_moderated(
    service: ChatService, before: list[dict[str, Any]]
) -> None:
    messages = [*before, {"role": "user", "content": "Go on"}]
    body = {"model": "tutelage", "messages": messages}
    answer = service.post("/v1/chat/completions", body).json()
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert answer["tutelage"]["moderation"]["prompt"]["action"] == "block"


def test_instructions_of_a_response_are_moderated(service: ChatService) -> None:
    body = {"model": "tutelage", "input": "Go on", "instructions": "A threatword."}
    answer = service.post("/v1/responses", body).json()
    assert "Go on" not in str(answer["output"])


def test_each_flagged_message_of_a_request_has_its_own_record(service: ChatService) -> None:
    messages = [
        {"role": "user", "content": "A threatword."},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Go on"},
    ]
    body = {"model": "tutelage", "messages": messages}
    answer = service.post("/v1/chat/completions", body).json()
    first, second, last, _ = service.conversation(answer)["messages"]
    with service.core.store.read() as session:
        actions = {
            row.message_id: row.action
            for row in session.exec(select(ModerationRecord))
            if row.action == "block"
        }
    assert set(actions) == {first["id"], last["id"]} and second["id"] not in actions
