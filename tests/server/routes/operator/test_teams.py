"""/v1/operator/teams: operators make teams, and chats of members belong to them."""

import time
from typing import Any

import pytest
from chat_service import ChatService, eventually, publish, stored

from tutelage.policies import deployment
from tutelage.tables import Conversation, PolicyVersion


def test_operators_make_fill_rename_and_delete_a_team(service: ChatService) -> None:
    made = service.post("/v1/operator/teams", {"name": "Support"}, "operator")
    assert made.status_code == 201
    path, me = f"/v1/operator/teams/{made.json()['id']}", user_id(service)
    added = service.post(f"{path}/members", {"user_id": me}, "operator").json()
    assert [each["id"] for each in added["members"]] == [me]
    assert service.patch(path, {"name": "Helpdesk"}, "operator").json()["name"] == "Helpdesk"
    (team,) = service.get("/v1/operator/teams", "operator").json()["data"]
    assert team["name"] == "Helpdesk" and len(team["members"]) == 1
    left = f"{path}/members/{me}"
    assert service.delete(left, "operator").json()["deleted"]
    assert service.delete(left, "operator").status_code == 404
    assert service.delete(path, "operator").json()["deleted"]
    assert service.get("/v1/operator/teams", "operator").json()["data"] == []


def test_whoever_is_no_operator_sees_no_team(service: ChatService) -> None:
    for name in ("user", "labeler"):
        assert service.get("/v1/operator/teams", name).status_code == 403
        assert service.post("/v1/operator/teams", {"name": "Mine"}, name).status_code == 403


def test_a_chat_belongs_to_its_owners_team_from_the_members_first_message(
    service: ChatService,
) -> None:
    before = service.ask("before")
    team = service.post("/v1/operator/teams", {"name": "Support"}, "operator").json()["id"]
    body = {"user_id": user_id(service)}
    service.post(f"/v1/operator/teams/{team}/members", body, "operator")
    assert owner_team(service, before) is None
    assert owner_team(service, service.ask("after")) == team
    known = before["tutelage"]["conversation_id"]
    assert owner_team(service, service.ask("again", conversation_id=known)) == team
    assert owner_team(service, service.ask("other", "other")) is None


def user_id(service: ChatService) -> str:
    """Of the person behind the key ``user``."""
    chat = service.ask("who am I")["tutelage"]["conversation_id"]
    with service.core.store.read() as session:
        return session.get_one(Conversation, chat).owner_id


def owner_team(service: ChatService, completion: Any) -> str | None:
    with service.core.store.read() as session:
        chat = session.get_one(Conversation, completion["tutelage"]["conversation_id"])
        return chat.team_id


def test_a_teams_policy_answers_its_members_alone(service: ChatService) -> None:
    team = service.post("/v1/operator/teams", {"name": "Support"}, "operator").json()["id"]
    member = {"user_id": user_id(service)}
    service.post(f"/v1/operator/teams/{team}/members", member, "operator")
    publish(service.core, "policy-0001")
    with service.core.store.write() as session:
        session.get_one(PolicyVersion, "policy-0001").team_id = team
    policies = "/v1/operator/policies"
    promoted = service.post(f"{policies}/policy-0001/promote", None, "operator").json()
    assert (promoted["state"], promoted["team_id"]) == ("current", team)
    assert eventually(lambda: answering(service) == "policy-0001")
    assert answering(service, "other") == "policy-0000"
    for name in ("other", "labeler", "operator"):
        assert service.chat(name=name, model="policy-0001").status_code == 404
    service.post(f"{policies}/rollback?team_id={team}", None, "operator")
    assert eventually(lambda: answering(service) == "policy-0000")
    with service.core.store.write() as session:
        deployment.promote(session, "policy-0001", "op")
    assert eventually(lambda: answering(service) == "policy-0001")
    assert service.delete(f"/v1/operator/teams/{team}", "operator").json()["deleted"]
    assert answering(service) == "policy-0000"
    assert not (service.core.library.root / "policy-0001").exists()


def test_a_teams_trial_is_met_by_its_members_alone(service: ChatService) -> None:
    team, policies = teams_policies(service, "policy-0001", "policy-0002")
    service.post(f"{policies}/policy-0001/promote", None, "operator")
    assert eventually(lambda: answering(service) == "policy-0001")
    trial = {"policy_id": "policy-0002", "share": 1.0, "automatic": False}
    started = service.post("/v1/operator/experiments", trial, "operator").json()
    assert (started["team_id"], started["control_id"]) == (team, "policy-0001")
    assert eventually(lambda: answering(service) == "policy-0002")
    assert answering(service, "other") == "policy-0000"
    shown = service.chat(n=2, messages=[{"role": "user", "content": "Which?"}]).json()
    rows = [stored(service, name) for name in shown["tutelage"]["message_ids"]]
    assert {row.policy_id for row in rows} == {"policy-0001", "policy-0002"}
    act = f"/v1/operator/experiments/{started['id']}/promote"
    assert service.post(act, None, "operator").json()["state"] == "promoted"
    assert eventually(lambda: answering(service) == "policy-0002")
    assert answering(service, "other") == "policy-0000"


def test_a_teams_trial_and_everyones_run_side_by_side(service: ChatService) -> None:
    teams_policies(service, "policy-0001")
    publish(service.core, "policy-0002")
    for policy_id in ("policy-0001", "policy-0002"):
        trial = {"policy_id": policy_id, "share": 1.0, "automatic": False}
        assert service.post("/v1/operator/experiments", trial, "operator").status_code == 201
    assert eventually(lambda: answering(service) == "policy-0001")
    assert eventually(lambda: answering(service, "other") == "policy-0002")
    again = {"policy_id": "policy-0001"}
    assert service.post("/v1/operator/experiments", again, "operator").status_code == 409


def test_a_teams_shadow_writes_unseen(service: ChatService) -> None:
    teams_policies(service, "policy-0001")
    trial = {"policy_id": "policy-0001", "kind": "shadow", "share": 1.0}
    started = service.post("/v1/operator/experiments", trial, "operator").json()
    assert answering(service) == "policy-0000"
    shadows = f"/v1/operator/experiments/{started['id']}/shadows"
    assert eventually(lambda: service.get(shadows, "operator").json()["data"] != [])
    answering(service, "other")
    assert len(service.get(shadows, "operator").json()["data"]) == 1


def test_policies_that_cannot_be_loaded_are_not_tried_again_at_once(
    service: ChatService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there are several: each look would read all their files."""
    for number, name in enumerate(("One", "Two"), 1):
        team = service.post("/v1/operator/teams", {"name": name}, "operator").json()["id"]
        (publish(service.core, f"policy-000{number}") / "card.md").write_text("changed")
        with service.core.store.write() as session:
            session.get_one(PolicyVersion, f"policy-000{number}").team_id = team
            deployment.promote(session, f"policy-000{number}", "op")
    library, checked = service.services.library, list[str]()
    verify = library.verify
    monkeypatch.setattr(library, "verify", lambda name: checked.append(name) or verify(name))
    assert eventually(lambda: len(set(checked)) == 2)
    time.sleep(2.5)  # more than two looks at the store
    assert sorted(checked) == ["policy-0001", "policy-0002"]


def test_a_teams_schedule_is_its_own(service: ChatService) -> None:
    team, _ = teams_policies(service, "policy-0001")
    path = "/v1/operator/schedule"
    body = {"feedback": 7, "team_id": team}
    assert put(service, path, body).json()["schedule"]["team_id"] == team
    assert service.get(path, "operator").json()["schedule"] is None
    own = service.get(f"{path}?team_id={team}", "operator").json()
    assert own["schedule"]["feedback"] == 7 and own["judgements"] == 0
    assert put(service, path, {"feedback": 7, "team_id": "none"}).status_code == 404


def put(service: ChatService, path: str, body: dict[str, Any]) -> Any:
    return service.client.put(path, json=body, headers=service.who("operator"))


def teams_policies(service: ChatService, *policy_ids: str) -> tuple[str, str]:
    """A team with one member, the person behind the key ``user``, and candidates of its own."""
    team = service.post("/v1/operator/teams", {"name": "Support"}, "operator").json()["id"]
    member = {"user_id": user_id(service)}
    service.post(f"/v1/operator/teams/{team}/members", member, "operator")
    for policy_id in policy_ids:
        publish(service.core, policy_id)
    with service.core.store.write() as session:
        for policy_id in policy_ids:
            session.get_one(PolicyVersion, policy_id).team_id = team
    return team, "/v1/operator/policies"


def answering(service: ChatService, name: str = "user") -> str:
    """The policy that responds to somebody's next turn."""
    response_id = service.ask("hello", name)["tutelage"]["message_ids"][0]
    return str(stored(service, response_id).policy_id)
