"""Operators check, import, export and erase data sets over the API."""

import json

from chat_service import ChatService

PAIRS = [{"prompt": f"Question {n}?", "chosen": "Yes.", "rejected": "No."} for n in range(3)]
CONTENT = "\n".join(map(json.dumps, [*PAIRS, {"prompt": "Hi", "chosen": "a", "rejected": "a"}]))
URL = "/v1/operator/datasets"


def send(service: ChatService, **query: object) -> dict[str, object]:
    answer = service.client.post(
        URL, content=CONTENT, params=query,
        headers=service.who("operator") | {"content-type": "application/octet-stream"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


def test_a_file_is_checked_imported_exported_and_erased(service: ChatService) -> None:
    operator = service.who("operator")
    report = send(service, check=True)
    assert (report["format"], report["rankings"], report["kept"]) == ("trl", 3, 0)
    assert report["problems"] == [{"reason": "Two answers say the same.", "rows": [4], "count": 1}]
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
