"""/v1/operator: traffic, the answers and judgements behind it, opinions of policies."""

from typing import Any

import pytest
from chat_service import ChatService


def see(service: ChatService, path: str) -> Any:
    answer = service.get(f"/v1/operator/{path}", "operator")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def used(service: ChatService) -> ChatService:
    """Two people asked; one judged; one keeps what they said; one prompt was blocked."""
    done = service.ask("one two three")
    thumb = {"kind": "thumbs", "completion_id": done["id"], "value": "up"}
    assert service.post("/v1/feedback", thumb).status_code == 201
    service.ask("private", "other", x_tutelage_training="off")
    service.ask("A threatword")
    return service


def test_traffic_counts_what_was_asked(used: ChatService) -> None:
    found = see(used, "traffic?hours=1")
    total = found["total"]
    assert (total["requests"], total["answers"], total["judgements"]) == (3, 3, 1)
    assert (total["flagged_prompts"], total["flagged_answers"], total["failed"]) == (1, 0, 0)
    assert total["response_tokens"] > 0 and total["first_text"]["median"] > 0
    assert total["seconds"]["median"] >= total["first_text"]["median"]
    assert len(found["windows"]) == 60
    assert sum(each["requests"] for each in found["windows"]) == 3
    assert found["http"]["statuses"]["200"] >= 3 and found["http"]["running"] == 0


def test_the_answers_behind_the_numbers_keep_what_their_owner_keeps(used: ChatService) -> None:
    rows = see(used, "answers")["data"]
    assert [row["excerpt"] for row in rows[1:]] == [None, "one two three"]
    assert rows[0]["policy_id"] is None  # the prompt was blocked: no policy was asked
    only = see(used, "answers?policy_id=policy-0000&limit=1")
    assert len(only["data"]) == 1 and only["has_more"]
    after = see(used, f"answers?policy_id=policy-0000&after={only['data'][0]['id']}")
    assert len(after["data"]) == 1 and not after["has_more"]


def test_the_judgements_behind_the_numbers(used: ChatService) -> None:
    (row,) = see(used, "judgements?kind=thumbs&policy_id=policy-0000")["data"]
    assert row["value"]["value"] == "up"
    assert row["author_name"]
    assert see(used, "judgements?kind=ranking")["data"] == []
    conversation = used.get("/v1/conversations").json()["data"][-1]["id"]
    used.patch(f"/v1/conversations/{conversation}", {"training": False})
    assert see(used, "judgements")["data"][0]["value"] is None


def test_opinions_have_intervals(used: ChatService) -> None:
    (row,) = see(used, "opinions")["policies"]
    liked = row["liked"]
    assert row["policy_id"] == "policy-0000" and (liked["count"], liked["people"]) == (1, 1)
    assert liked["low"] < liked["mean"] == liked["high"] == 1.0
    assert row["regenerated"]["mean"] == 0.0


def test_the_answers_that_were_asked_for_again(used: ChatService) -> None:
    first = used.ask("one")["tutelage"]
    place = {"conversation_id": first["conversation_id"], "parent_id": first["prompt_message_id"]}
    used.ask(messages=[], **place)
    (row,) = see(used, "answers?kind=regenerated&hours=720")["data"]
    assert row["id"] == first["message_ids"][0]


def test_the_judgements_of_one_person(used: ChatService) -> None:
    (row,) = see(used, "judgements?hours=1")["data"]
    assert see(used, f"judgements?author_id={row['author_id']}")["data"] == [row]
    assert see(used, "judgements?author_id=user_else")["data"] == []
