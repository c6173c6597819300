"""The ``moderation`` field: scores with the answer, and rules that a request makes stricter."""

import json
from typing import Any

from chat_service import ChatService

SCORED = {"model": "omni-moderation-latest"}


def asking(**modes: str) -> dict[str, Any]:
    return {**SCORED, "policy": {side: {"mode": mode} for side, mode in modes.items()}}


def test_scores_come_with_the_answer(shared: ChatService) -> None:
    found = shared.ask("a lewdword", moderation=SCORED, n=2)["moderation"]
    assert found["input"]["type"] == found["output"]["type"] == "moderation_results"
    assert found["input"]["results"][0]["categories"]["sexual"] is True
    assert [each["flagged"] for each in found["output"]["results"]] == [True, True]


def test_nobody_is_given_scores_unasked(shared: ChatService) -> None:
    assert shared.ask("a lewdword")["moderation"] is None


def test_a_request_can_block_what_the_operator_only_warns_of(shared: ChatService) -> None:
    choice = shared.ask("a lewdword", moderation=asking(input="block"))["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    choice = shared.ask("a lewdword", moderation=asking(output="block"))["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")


def test_a_request_cannot_weaken_the_operators_rules(shared: ChatService) -> None:
    answer = shared.ask("a threatword", moderation=asking(input="score", output="score"))
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert answer["moderation"]["output"]["type"] == "error"


def test_a_stream_ends_with_the_scores(shared: ChatService) -> None:
    answer = shared.chat("a lewdword", moderation=SCORED, stream=True)
    chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line[:7] == "data: {"]
    scored = [chunk for chunk in chunks if "moderation" in chunk]
    assert scored == chunks[-1:]
    assert (scored[0]["choices"], scored[0]["moderation"]["input"]["type"]) == (
        [], "moderation_results",
    )  # fmt: skip


def test_an_unknown_mode_is_refused(shared: ChatService) -> None:
    error = shared.chat("hello", moderation=asking(input="watch")).json()["error"]
    assert error["param"] == "moderation.policy.input.mode"
