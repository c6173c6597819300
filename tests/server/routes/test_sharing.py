"""Links and exports, the story of one's feedback, and erasure with what had learned from it."""

import json
from pathlib import Path
from typing import Any

import pytest
from chat_service import HOME, ChatService, publish, sign_up

from tutelage.policies import deployment, lineage
from tutelage.tables import Iteration, IterationState


def snapshot(service: ChatService, iteration: str, rows: list[dict[str, str]]) -> None:
    """The files that an iteration's snapshot leaves."""
    folder = service.services.iterations / iteration / "snapshot"
    folder.mkdir(parents=True)
    (folder / "thumbs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "digest.json").write_text("{}")


def learned(service: ChatService, policy: str, parent: str, iteration: str) -> None:
    publish(service.core, policy)
    with service.core.store.write() as session:
        version = session.get(deployment.PolicyVersion, policy)
        assert version is not None
        version.parent_id, version.iteration_id = parent, iteration
        session.add(version)
        session.add(
            Iteration(id=iteration, unique_key=iteration, preset="smoke", parent_policy_id=parent,
                      baseline_policy_id=parent,
                      state=IterationState.PROMOTED)
        )  # fmt: skip


def ask(service: ChatService, text: str = "Keep this") -> dict[str, Any]:
    body = {"model": "tutelage", "messages": [{"role": "user", "content": text}]}
    turn: dict[str, Any] = service.client.post(
        "/v1/chat/completions", json=body, headers=HOME
    ).json()["tutelage"]
    return turn


def test_a_link_shows_the_branch_and_nothing_after_it(service: ChatService) -> None:
    turn = service.ask("Share me")["tutelage"]
    chat, leaf = turn["conversation_id"], turn["message_ids"][0]
    path = f"/v1/conversations/{chat}/shares"
    token = service.post(path, {"leaf_id": leaf}).json()["token"]
    service.chat("And a secret", conversation_id=chat)
    shared = service.get(f"/v1/shared/{token}", "nobody")
    assert [each["content"] for each in shared.json()["messages"]] == ["Share me", "Share me"]
    assert "user_" not in shared.text and "conv_" not in shared.text
    assert service.delete(f"{path}/{token}", "other").status_code == 404
    assert service.delete(f"{path}/{token}").status_code == 200
    assert service.get(f"/v1/shared/{token}", "nobody").status_code == 404


def test_a_link_goes_with_its_conversation(service: ChatService) -> None:
    turn = service.ask("Share me")["tutelage"]
    path = f"/v1/conversations/{turn['conversation_id']}"
    token = service.post(f"{path}/shares", {"leaf_id": turn["message_ids"][0]}).json()["token"]
    service.delete(path)
    assert service.get(f"/v1/shared/{token}", "nobody").status_code == 404


def test_a_conversation_is_exported(service: ChatService) -> None:
    chat = service.ask("Export me")["tutelage"]["conversation_id"]
    path = f"/v1/conversations/{chat}/export"
    assert service.get(path).json()["messages"][0]["content"] == "Export me"
    text = service.get(path, params={"format": "markdown"}).text
    assert text.startswith("# Export me\n\n**You**\n\nExport me\n\n**Tutelage** (policy-0000)")
    assert service.get(path, "other").status_code == 404


def test_a_download_has_the_title_for_its_name(service: ChatService) -> None:
    turn = service.ask("Über: a/b\\c?")["tutelage"]
    answer = service.get(f"/v1/conversations/{turn['conversation_id']}/export")
    named = answer.headers["content-disposition"]
    assert named.endswith("filename*=UTF-8''%C3%9Cber%20a%20b%20c.json")
    assert named.isascii() and 'filename="conversation.json"' in named


def test_pinned_conversations_come_first(service: ChatService) -> None:
    first = service.ask("First")["tutelage"]["conversation_id"]
    service.ask("Second")
    service.patch(f"/v1/conversations/{first}", {"pinned": True})
    rows = service.get("/v1/conversations").json()["data"]
    assert [row["title"] for row in rows] == ["First", "Second"] and rows[0]["pinned_at"]


def test_my_feedback_says_which_policy_learned_from_it(service: ChatService) -> None:
    sign_up(service)
    turn = ask(service)
    judged = {"kind": "thumbs", "message_id": turn["message_ids"][0], "value": "up"}
    row = service.client.post("/v1/feedback", json=judged, headers=HOME).json()
    snapshot(service, "iteration-0001", [{"id": row["id"], "conversation_id": "x"}])
    learned(service, "policy-0001", "policy-0000", "iteration-0001")
    [story] = service.client.get("/v1/account/feedback").json()["data"]
    assert (story["prompt"], story["policy_id"]) == ("Keep this", "policy-0000")
    assert story["learned_by"] == [
        {
            "iteration_id": "iteration-0001", "policy_id": "policy-0001", "state": "candidate",
            "measured": False,
        }
    ]  # fmt: skip


@pytest.fixture
def erased(service: ChatService) -> ChatService:
    """Somebody from whom policy-0001 learned, and policy-0002 after it, has left."""
    sign_up(service)
    turn = ask(service)
    rows = [{"id": "fb_x", "conversation_id": turn["conversation_id"]}]
    snapshot(service, "iteration-0001", rows)
    learned(service, "policy-0001", "policy-0000", "iteration-0001")
    learned(service, "policy-0002", "policy-0001", "iteration-0002")
    learned(service, "policy-0003", "policy-0000", "iteration-0003")
    answer = service.client.post("/v1/account/erasure", json={"confirm": "ada"}, headers=HOME)
    assert answer.status_code == 200
    service.client.cookies.clear()
    return service


def test_an_erasure_names_the_policies_that_had_learned(erased: ChatService) -> None:
    [row] = erased.get("/v1/operator/erasures", "operator").json()["data"]
    assert row["policies"] == ["policy-0001", "policy-0002"]
    assert row["parent"] == "policy-0000" and row["iteration_id"] is None


def test_training_without_starts_from_before(erased: ChatService) -> None:
    [row] = erased.get("/v1/operator/erasures", "operator").json()["data"]
    path = f"/v1/operator/erasures/{row['id']}/retrain"
    made = erased.post(path, {"preset": "smoke"}, "operator")
    assert made.status_code == 201 and made.json()["parent_policy_id"] == "policy-0000"
    [row] = erased.get("/v1/operator/erasures", "operator").json()["data"]
    assert row["iteration_id"] == made.json()["id"]


def test_what_nobody_learned_from_leaves_no_record(service: ChatService) -> None:
    chat = service.ask()["tutelage"]["conversation_id"]
    service.delete(f"/v1/conversations/{chat}")
    assert service.get("/v1/operator/erasures", "operator").json()["data"] == []


def test_a_snapshot_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    folder = tmp_path / "iteration-0001" / "snapshot"
    folder.mkdir(parents=True)
    (folder / "digest.json").write_text("{}")
    (folder / "rankings.jsonl").write_text('{"id": "fb_1", "conversation_id": "conv_1"}\n')
    snapshots = lineage.learned(tmp_path)
    assert lineage.uses(snapshots, "fb_1") == ["iteration-0001"]
    assert lineage.uses(snapshots, "fb_2") == []


def test_a_link_needs_a_message(service: ChatService) -> None:
    conversation_id = service.ask()["tutelage"]["conversation_id"]
    answer = service.post(f"/v1/conversations/{conversation_id}/shares", {"leaf_id": ""})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "leaf_id")
