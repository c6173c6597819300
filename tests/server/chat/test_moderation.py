"""The filter in the chat path: every action, both sides, streamed or not; and what breaks it."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from chat_service import HARMLESS, WORDS, ChatService, new_services, serve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types import moderation as openai_moderation

from moderation.categories import CATEGORIES
from moderation.classifier import KeywordClassifier
from moderation.rules import ModerationRules
from server.generators.echo import EchoGenerator
from tutelage.composition import Core

SAID = HARMLESS + "Then comes a lewdword, and this is what follows it to the very end."
QUIET = dict.fromkeys(CATEGORIES, "off")


def under(core: Core, action: str, side: str, said: str | None = None) -> Any:
    """Services that know one rule: ``action`` for sexual content of one side."""
    rules = {"prompt": QUIET, "response": QUIET}
    rules[side] = QUIET | {"sexual": action}
    replies = {"Speak": said} if said else None
    services = new_services(core, EchoGenerator(replies, policy_id=None))
    return replace(services, moderation=ModerationRules.from_settings(json.dumps(rules)))


def streamed(answer: Any) -> tuple[str, list[Any]]:
    """The text of a stream and its chunks."""
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    chunks = [json.loads(line) for line in lines]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas), chunks


def told(notices: Sequence[Any]) -> list[str]:
    return [notice["action"] for notice in notices if notice]


def turn(service: ChatService, text: str, stream: bool) -> tuple[str, str, list[str], bytes]:
    """What is shown, why it ended, the actions that are told, and every byte that was sent."""
    answer = service.chat(text, stream=stream)
    if stream:
        shown, chunks = streamed(answer)
        ends = [c["finish_reason"] for each in chunks for c in each["choices"]]
        reason = next(end for end in reversed(ends) if end)
        notices = [(each.get("tutelage") or {}).get("moderation") for each in chunks]
    else:
        body = answer.json()
        choice = body["choices"][0]
        shown, reason = choice["message"]["content"], choice["finish_reason"]
        notices = [body["tutelage"]["moderation"]]
    found = [each for each in notices if each]
    both = [each["prompt"] for each in found] + [r for each in found for r in each["responses"]]
    return shown, reason, sorted(set(told(both))), answer.content


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("action", ["off", "log", "warn", "block"])
def test_an_action_on_prompts(core: Core, action: str, stream: bool) -> None:
    with serve(under(core, action, "prompt"), core) as service:
        shown, reason, notices, _ = turn(service, "A lewdword, please", stream)
    blocked = action == "block"
    assert (reason == "content_filter") is blocked
    assert ("lewdword" in shown) is not blocked  # the echo answers with the prompt
    assert notices == ([action] if action in ("warn", "block") else [])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("action", ["off", "log", "warn", "block"])
def test_an_action_on_answers(core: Core, action: str, stream: bool) -> None:
    with serve(under(core, action, "response", SAID), core) as service:
        shown, reason, notices, sent = turn(service, "Speak", stream)
    if action == "block":
        assert reason == "content_filter" and shown and SAID.startswith(shown)
        assert b"lewdword" not in sent and b"what follows" not in sent
    else:
        assert (shown, reason) == (SAID, "stop")
    assert notices == ([action] if action in ("warn", "block") else [])


@pytest.mark.parametrize("before", range(380, 480, 24))
def test_harm_across_the_edge_of_a_window_is_never_sent(core: Core, before: int) -> None:
    said = ("calm " * 100)[:before] + " lewd\u200bword and what follows it. " + HARMLESS
    with serve(under(core, "block", "response", said), core) as service:
        _, reason, _, sent = turn(service, "Speak", stream=True)
    assert reason == "content_filter"
    assert b"lewd" not in sent and b"what follows" not in sent


class Raising(KeywordClassifier):
    """A classifier that fails on a word."""

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        if any("crashword" in text for text in texts):
            raise RuntimeError("out of order")
        return super().classify(texts)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_classifier_that_raises_fails_closed_is_logged_and_seen(
    core: Core, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    said = HARMLESS + "Then comes a crashword."
    services = replace(under(core, "block", "response", said), classifier=Raising(WORDS))
    with serve(services, core) as service:
        shown, reason, notices, sent = turn(service, "Speak", stream)
        assert (reason, notices) == ("content_filter", ["block"])
        assert b"crashword" not in sent and SAID.startswith(shown.rstrip())
        assert "moderation failed" in caplog.text
        counted = service.get("/metrics", "operator").text
        assert 'tutelage_moderation_failures_total{side="response"} 1.0' in counted
        (verdict,) = service.get("/v1/operator/moderation", "operator").json()["data"]
        assert (verdict["action"], verdict["categories"]) == ("block", [])


def test_where_nothing_blocks_a_classifier_that_raises_lets_pass(core: Core) -> None:
    services = replace(under(core, "warn", "prompt"), classifier=Raising(WORDS))
    with serve(services, core) as service:
        shown, reason, *_ = turn(service, "A crashword", False)
    assert (shown, reason) == ("A crashword", "stop")


WILD = st.text(
    alphabet=st.sampled_from("ab \n😀👩‍👩‍👧שלום\u202e\u2066\u200b\u200d\ufeffé\u0301\U0001f3fd")
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=WILD, after=WILD)
def test_signs_of_any_script_hide_no_word(shared: ChatService, before: str, after: str) -> None:
    given = f"{before} lewd\u200dword {after}"
    (found,) = shared.post("/v1/moderations", {"input": given}).json()["results"]
    assert found["categories"]["sexual"]


def test_a_text_of_a_megabyte_is_told_its_limit(shared: ChatService) -> None:
    error = shared.post("/v1/moderations", {"input": "lewdword " * 120_000}).json()["error"]
    assert error["param"] == "input" and "longer than" in error["message"]


def test_under_load_each_is_given_their_own_verdict(shared: ChatService) -> None:
    asked = [f"{'lewdword' if n % 3 == 0 else 'flower'} number {n}" for n in range(48)]

    def flagged(text: str) -> bool:
        (found,) = shared.post("/v1/moderations", {"input": text}).json()["results"]
        return bool(found["flagged"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(flagged, asked)) == [n % 3 == 0 for n in range(48)]


def names(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_the_schema_is_openais(shared: ChatService) -> None:
    (found,) = shared.post("/v1/moderations", {"input": "lewdword"}).json()["results"]
    theirs = openai_moderation.Moderation
    assert set(found) == names(theirs)
    for part in set(found) - {"flagged"}:
        assert set(found[part]) == names(theirs.model_fields[part].annotation) == set(CATEGORIES)
    theirs.model_validate(found, strict=True)
