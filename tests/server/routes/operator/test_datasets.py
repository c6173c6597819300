"""Operators check, import, export and erase data sets over the API."""

import json
from dataclasses import replace
from typing import Any

import pytest
from chat_service import ChatService, new_services, serve

from tutelage.composition import Core

PAIRS = [{"prompt": f"Question {n}?", "chosen": "Yes.", "rejected": "No."} for n in range(3)]
CONTENT = "\n".join(map(json.dumps, [*PAIRS, {"prompt": "Hi", "chosen": "a", "rejected": "a"}]))
URL = "/v1/operator/datasets"


def send(service: ChatService, content: str = CONTENT, **query: object) -> Any:
    answer = service.client.post(
        URL, content=content, params=query,
        headers=service.who("operator") | {"content-type": "application/octet-stream"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_file_is_checked_imported_exported_and_erased(service: ChatService) -> None:
    operator = service.who("operator")
    report = send(service, check=True)
    assert (report["format"], report["rankings"], report["kept"]) == ("trl", 3, 0)
    assert report["problems"] == [
        {"reason": "Two responses are identical.", "rows": [4], "count": 1}
    ]
    assert service.client.get(URL, headers=operator).json()["data"] == []

    assert send(service, check=False, name="pairs", licence="MIT")["kept"] == 3
    (row,) = service.client.get(URL, headers=operator).json()["data"]
    assert (row["name"], row["kept"], row["licence"]) == ("pairs", 3, "MIT")

    query = {"format": "hh-rlhf", "source": "pairs"}
    lines = service.client.get(f"{URL}/export", params=query, headers=operator).text.splitlines()
    assert json.loads(lines[0])["rejected"] == "\n\nHuman: Question 0?\n\nAssistant: No."

    gone = service.client.delete(f"{URL}/{row['id']}", headers=operator).json()
    assert gone == {"id": row["id"], "policies": []}
    assert service.client.get(URL, headers=operator).json()["data"] == []


def test_a_name_that_is_too_long_is_named(service: ChatService) -> None:
    headers = service.who("operator") | {"content-type": "application/octet-stream"}
    answer = service.client.post(URL, content=CONTENT, params={"name": "x" * 300}, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "name")
    assert error["message"].startswith("Invalid 'name': ")


def test_a_name_is_taken_whatever_spaces_surround_it(service: ChatService) -> None:
    send(service, check=False, name="pairs", licence="MIT")
    headers = service.who("operator") | {"content-type": "application/octet-stream"}
    answer = service.client.post(
        URL, content=json.dumps(PAIRS[0]), headers=headers,
        params={"check": False, "name": "pairs\u200b ", "licence": "MIT"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["error"]["param"]) == (409, "name")


SUSPECT = [
    {"prompt": "A lewdword?", "chosen": "Yes.", "rejected": "No."},
    {"prompt": "Fine?", "chosen": "Yes.", "rejected": "You vileword."},
    {"messages": []},
]
FLAGGED = [
    {"category": "hate", "rows": [5], "count": 1},
    {"category": "sexual", "rows": [4], "count": 1},
]


@pytest.mark.parametrize(("flagged", "kept"), [("keep", 5), ("exclude", 3)])
def test_what_moderation_flags_is_told_and_kept_or_left_out(
    service: ChatService, flagged: str, kept: int
) -> None:
    content = "\n".join(map(json.dumps, [*PAIRS, *SUSPECT]))
    report = send(service, content, check=True)
    assert sorted(report["flagged"], key=str) == sorted(FLAGGED, key=str)
    assert (report["moderated"], report["suspects"], report["excluded"]) == (True, 2, 0)
    named = {"name": "pairs", "licence": "MIT", "flagged": flagged}
    report = send(service, content, check=False, **named)
    assert (report["kept"], report["rankings"], report["excluded"]) == (kept, kept, 5 - kept)


def test_where_moderation_is_off_the_report_says_so(core: Core) -> None:
    with serve(replace(new_services(core), classifier=None), core) as service:
        report = send(service, check=True)
    assert (report["moderated"], report["flagged"]) == (False, [])
