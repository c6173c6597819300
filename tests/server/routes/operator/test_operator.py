"""/v1/operator: summary, iterations with their curves, policies, reports, moderation, audit."""

import json
from pathlib import Path
from typing import Any

import pytest
from chat_service import ChatService, promote, publish

from tutelage.iterations import iterations
from tutelage.people import people
from tutelage.tables import Identity


def see(service: ChatService, path: str) -> Any:
    """What an operator reads."""
    answer = service.get(f"/v1/operator/{path}", "operator")
    assert answer.status_code == 200, answer.text
    return answer.json()


def act(service: ChatService, path: str, body: Any = None) -> Any:
    """What an operator does; the raw answer."""
    return service.post(f"/v1/operator/{path}", body, "operator")


def test_the_summary_counts(service: ChatService) -> None:
    done = service.ask(n=2)
    service.ask(x_tutelage_training="off")
    message_id = done["tutelage"]["message_ids"][0]
    for body in (
        {"kind": "thumbs", "message_id": message_id, "value": "up"},
        {"kind": "thumbs", "message_id": message_id, "value": "down"},
        {"kind": "ranking", "completion_id": done["id"], "ranking": [[0], [1]]},
        {"kind": "report", "message_id": message_id, "category": "bias"},
    ):
        assert service.post("/v1/feedback", body).status_code == 201
    with service.core.store.write() as session:
        people.create_user(session, "Guest")
        vouched = people.create_user(session, "Eve")
        session.add(Identity(issuer="https://id.example", subject="7", user_id=vouched.id))
    summary = see(service, "summary")
    assert summary["feedback"] == {"thumbs": 1, "ranking": 1, "report": 1}
    assert (summary["conversations"], summary["consented_conversations"]) == (2, 1)
    assert (summary["policies"], summary["users"], summary["open_reports"]) == (1, 5, 1)
    assert len(see(service, "users")["data"]) == 5
    assert set(summary["ready"]) == {"smoke", "quick", "standard"}
    assert not summary["ready"]["quick"]["ready"] and summary["ready"]["quick"]["missing"]


def test_an_iteration_is_queued_once(service: ChatService) -> None:
    row = act(service, "iterations", {"preset": "smoke"}).json()
    assert (row["id"], row["state"], row["preset"]) == ("iteration-0001", "queued", "smoke")
    assert row["parent_policy_id"] == "policy-0000"
    again = act(service, "iterations", {"preset": "smoke"})
    assert again.status_code == 409 and "iteration-0001" in again.json()["error"]["message"]
    assert [each["id"] for each in see(service, "iterations")["data"]] == ["iteration-0001"]


@pytest.mark.parametrize("body", [{"preset": "huge"}, {"preset": 1}, {"size": "quick"}])
def test_a_bad_iteration_is_400(service: ChatService, body: Any) -> None:
    assert act(service, "iterations", body).status_code == 400
    assert see(service, "iterations")["data"] == []


def test_an_iteration_can_be_cancelled_once(service: ChatService) -> None:
    act(service, "iterations", {"preset": "smoke"})
    assert act(service, "iterations/iteration-0001/cancel").json()["state"] == "cancelled"
    assert act(service, "iterations/iteration-0001/cancel").status_code == 409
    assert act(service, "iterations/iteration-0009/cancel").status_code == 404


@pytest.fixture
def iteration(service: ChatService) -> Path:
    """The folder of a queued iteration."""
    act(service, "iterations", {"preset": "smoke"})
    folder = service.services.iterations / "iteration-0001"
    for stage in ("sft", "reward_model", "ppo"):
        (folder / stage).mkdir(parents=True)
    return folder


def test_an_iteration_shows_its_curves_while_it_runs(service: ChatService, iteration: Path) -> None:
    (iteration / "sft" / "metrics.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "lo')
    rows = [{"model": "proxy", "accuracy": 0.7}, {"model": "held_out", "accuracy": 0.6}]
    (iteration / "reward_model" / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (iteration / "ppo" / "metrics.jsonl").write_text('{"update": 1, "objective/kl": NaN}\n[]\n')
    signal = {"signal": "copied", "pairs": 40, "chats": 12, "share": 0.75, "low": 0.6,
              "high": 0.9, "weight": 0.5}  # fmt: skip
    (iteration / "snapshot").mkdir()
    (iteration / "snapshot" / "metrics.jsonl").write_text(json.dumps(signal) + "\n")
    assert see(service, "iterations/iteration-0001")["stages"] == {
        "sft": [{"step": 1, "loss": 2.5}],
        "reward_model": {"proxy": {"accuracy": 0.7}, "held_out": {"accuracy": 0.6}},
        "ppo": [{"update": 1, "objective/kl": None}],
        "signals": [signal],
    }


def test_progress_is_shown(service: ChatService, iteration: Path) -> None:
    with service.core.store.write() as session:
        held = iterations.lease(session, "iteration-0001", "worker")
        iterations.heartbeat(session, held, {"stage": "ppo", "done": 3, "total": 12})
    row = see(service, "iterations/iteration-0001")
    assert row["state"] == "running" and row["progress"]["done"] == 3


def test_the_report_is_served_where_it_can_do_no_harm(
    service: ChatService, iteration: Path
) -> None:
    assert see(service, "iterations/iteration-0001")["report"] is None
    path = "/v1/operator/iterations/iteration-0001/report"
    assert service.get(path, "operator").status_code == 404
    (iteration / "report.html").write_text("<script>alert(1)</script>")
    assert see(service, "iterations/iteration-0001")["report"] == path
    answer = service.get(path, "operator")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;") and "default-src 'none'" in policy
    assert "allow-scripts" not in policy and "script-src" not in policy


def test_a_comparison_of_rungs_waits_for_a_worker(service: ChatService, iteration: Path) -> None:
    path = f"iterations/{iteration.name}/ladder"
    assert act(service, path, {}).status_code == 404  # no candidate yet
    with service.core.store.write() as session:
        row = iterations.get(session, iteration.name)
        row.policy_id = "policy-0001"
        session.add(row)
    assert act(service, path, {"rungs": 6}).status_code in (400, 422)
    asked = act(service, path, {"rungs": 3, "prompts": 8})
    assert asked.status_code == 202 and asked.json() == see(service, path)
    assert asked.json()["waiting"] and asked.json()["proposed"] is None
    assert act(service, path, {}).status_code == 409


@pytest.mark.parametrize("name", ["iteration-9999", "..", "%2e%2e", "..%2f..%2fetc", "%00"])
def test_an_iteration_that_is_none_is_404(service: ChatService, name: str) -> None:
    answer = service.get(f"/v1/operator/iterations/{name}/report", "operator")
    assert answer.status_code in (400, 404)


def test_policies_show_lineage_metrics_and_card(service: ChatService) -> None:
    publish(service.core, "policy-0001", metrics={"win_rate": 0.6}, parent="policy-0000")
    [newest, _] = see(service, "policies")["data"]
    assert (newest["id"], newest["state"], newest["metrics"]) == (
        "policy-0001", "candidate", {"win_rate": 0.6},
    )  # fmt: skip
    detail = see(service, "policies/policy-0001")
    assert detail["card"] == "# policy-0001\n"
    assert (
        detail["manifest"]["parent"] == "policy-0000" and "card.md" in detail["manifest"]["files"]
    )


def test_a_policy_without_files_is_still_listed(service: ChatService) -> None:
    path = publish(service.core, "policy-0001")
    (path / "manifest.json").write_text("{ half")
    assert see(service, "policies")["data"][0]["metrics"] == {}
    assert see(service, "policies/policy-0001")["manifest"] == {}


def test_what_cannot_be_promoted_or_rolled_back_says_why(service: ChatService) -> None:
    assert act(service, "policies/policy-0042/promote").status_code == 404
    assert act(service, "policies/policy-0000/promote").status_code == 409
    assert act(service, "policies/rollback").status_code == 409
    assert service.get("/v1/operator/policies/policy-0042", "operator").status_code == 404


def test_a_promotion_names_who_did_it(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    act(service, "policies/policy-0001/promote")
    event = see(service, "audit?limit=1")["data"][0]
    assert (event["action"], event["subject"]) == ("policy.promote", "policy-0001")
    assert event["actor"].startswith("user_")


def test_the_audit_log_is_paged(service: ChatService) -> None:
    first = see(service, "audit?limit=2")
    assert first["has_more"]
    rest = see(service, f"audit?after={first['data'][-1]['seq']}")["data"]
    seqs = [each["seq"] for each in first["data"] + rest]
    assert seqs == sorted(seqs, reverse=True) and seqs[-1] == 1


def report(service: ChatService) -> Any:
    """A report that a user sends."""
    message_id = service.ask("Rude?")["tutelage"]["message_ids"][0]
    body = {"kind": "report", "message_id": message_id, "category": "bias", "comment": "Unfair."}
    service.post("/v1/feedback", body)
    return see(service, "reports")["data"][0]


def test_a_report_comes_with_what_it_is_about(service: ChatService) -> None:
    row = report(service)
    assert (row["state"], row["category"], row["comment"]) == ("open", "bias", "Unfair.")
    assert (row["prompt"], row["content"], row["policy_id"]) == ("Rude?", "Rude?", "policy-0000")


def test_a_report_is_triaged(service: ChatService) -> None:
    row = report(service)
    changed = act(service, f"reports/{row['id']}", {"state": "accepted"}).json()
    assert changed["state"] == "accepted"
    assert see(service, "reports?state=open")["data"] == []
    assert see(service, "audit?limit=1")["data"][0]["action"] == "report.triage"
    assert act(service, f"reports/{row['id']}", {"state": "lost"}).status_code == 400
    assert act(service, "reports/rep_unknown", {"state": "open"}).status_code == 404


def test_reports_are_paged(service: ChatService) -> None:
    ids = [report(service)["id"] for _ in range(3)]
    page = see(service, "reports?limit=2")
    assert [each["id"] for each in page["data"]] == ids[:0:-1] and page["has_more"]
    rest = see(service, f"reports?after={ids[1]}")
    assert [each["id"] for each in rest["data"]] == ids[:1] and not rest["has_more"]


def test_moderation_shows_what_led_to_an_action(service: ChatService) -> None:
    service.ask("A lewdword question")
    service.ask("All is well")
    prompt, answer = sorted(see(service, "moderation")["data"], key=lambda each: each["id"])
    assert (prompt["role"], prompt["action"], prompt["categories"]) == ("user", "warn", ["sexual"])
    assert answer["role"] == "assistant" and answer["scores"]["sexual"] == 1.0
    assert prompt["excerpt"] == "A lewdword question" and prompt["thresholds"]
    assert see(service, "moderation?action=block")["data"] == []


def test_a_policy_that_answers_can_be_rolled_back(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    promote(service.core, "policy-0001")
    assert act(service, "policies/rollback").json()["id"] == "policy-0000"
    states = {each["id"]: each["state"] for each in see(service, "policies")["data"]}
    assert states == {"policy-0000": "current", "policy-0001": "rejected"}


@pytest.mark.parametrize(
    "query", ["audit?after=0", f"audit?after={2**63}", f"judgements?hours={10**400}"]
)
def test_a_number_beyond_the_database_is_400(service: ChatService, query: str) -> None:
    assert service.get(f"/v1/operator/{query}", "operator").status_code == 400
