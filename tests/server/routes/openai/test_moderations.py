"""POST /v1/moderations: OpenAI's shape for any text."""

from typing import Any

import pytest
from chat_service import ChatService, new_services, serve

from moderation.categories import CATEGORIES
from tutelage.composition import Core


def test_a_result_has_all_thirteen_categories(shared: ChatService) -> None:
    answer = shared.post("/v1/moderations", {"input": "a vileword"}).json()
    assert answer["id"].startswith("modr") and answer["model"] == "keyword-1"
    [result] = answer["results"]
    assert result["flagged"] is True
    for part in ("categories", "category_scores", "category_applied_input_types"):
        assert tuple(result[part]) == CATEGORIES
    assert result["categories"]["hate"] is True and result["category_scores"]["hate"] == 1.0
    assert result["category_applied_input_types"]["hate"] == ["text"]


@pytest.mark.parametrize(
    ("given", "flagged"),
    [
        ("fine", [False]),
        (["fine", "vileword"], [False, True]),
        ([{"type": "text", "text": "vile"}, {"type": "text", "text": "word"}], [True]),
        ("", [False]),
    ],
)
def test_strings_lists_and_parts(shared: ChatService, given: Any, flagged: list[bool]) -> None:
    results = shared.post("/v1/moderations", {"input": given}).json()["results"]
    assert [result["flagged"] for result in results] == flagged


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ["x"] * 65}, "input"),
        ({"input": ["x", 5]}, "input[1]"),
        ({"input": "x" * 100_000}, "input"),
        ({"input": "\x00"}, "input"),
        ({"input": [{"type": "image_url", "image_url": {"url": "x"}}]}, "input[0].type"),
        ({"input": "x", "threshold": 1}, "threshold"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_bad_input_is_named(shared: ChatService, body: Any, param: str) -> None:
    answer = shared.post("/v1/moderations", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_switched_off_it_says_so(core: Core) -> None:
    services = new_services(core)
    object.__setattr__(services, "classifier", None)
    with serve(services, core) as service:
        answer = service.post("/v1/moderations", {"input": "x"})
    assert answer.status_code == 503 and "TUTELAGE_MODERATION" in answer.json()["error"]["message"]
