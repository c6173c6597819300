"""The remote classifier: what it sends, and that its failures are raised."""

import json

import httpx
import pytest

from moderation.classifiers.remote import RemoteClassifier
from moderation.rules import Action, ModerationRules, check
from tutelage.errors import Unavailable


def remote(answer: httpx.Response | Exception) -> RemoteClassifier:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return RemoteClassifier("http://m/v1", "m", "secret", transport=httpx.MockTransport(handle))


def test_it_asks_as_openai_is_asked() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"results": [{"category_scores": {"hate": 0.7}}]})

    classifier = RemoteClassifier(
        "http://m/v1", "omni", "secret", transport=httpx.MockTransport(handle)
    )
    (scores,) = classifier.classify(["hello"])
    assert (scores["hate"], scores["illicit"]) == (0.7, 0.0)
    assert str(seen[0].url) == "http://m/v1/moderations"
    assert seen[0].headers["authorization"] == "Bearer secret"
    assert json.loads(seen[0].content) == {"model": "omni", "input": ["hello"]}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="no JSON"),
        httpx.Response(200, json={"results": []}),
        httpx.Response(200, json={"results": [{}]}),
        httpx.ConnectError("nobody there"),
    ],
)
def test_what_goes_wrong_there_blocks_where_something_blocks(
    answer: httpx.Response | Exception,
) -> None:
    with pytest.raises(Unavailable):
        remote(answer).classify(["hello"])
    verdict = check(remote(answer), "hello", ModerationRules().prompt)
    assert verdict.failed and verdict.action is Action.BLOCK
