"""Named system prompts: whose they are, what they may say, and what is learned under them."""

import pytest
from chat_service import HOME, ChatService, sign_up
from sqlmodel import select
from typer.testing import CliRunner

from training import derivation
from training.config import SnapshotConfig
from tutelage.chat import system_prompts
from tutelage.cli import app
from tutelage.feedback import preference_data
from tutelage.tables import AuditEvent

OWN, SHARED = "/v1/system-prompts", "/v1/operator/system-prompts"
TUTOR = {"name": "As a tutor", "text": "You are a patient tutor."}
BRIEF = {"role": "system", "content": "Be brief."}


def named(service: ChatService, name: str = "user") -> list[tuple[str, bool]]:
    return [(row["name"], row["shared"]) for row in service.get(OWN, name).json()["data"]]


def test_ones_own_are_nobody_elses_and_an_operators_are_everyones(service: ChatService) -> None:
    assert service.post(OWN, TUTOR).status_code == 201
    assert service.post(SHARED, TUTOR | {"name": "House"}).status_code == 403
    shared = service.post(SHARED, TUTOR | {"name": "House"}, "operator").json()
    assert named(service) == [("House", True), ("As a tutor", False)]
    assert named(service, "other") == [("House", True)]
    assert service.delete(f"{OWN}/{shared['id']}").status_code == 404
    assert service.delete(f"{SHARED}/{shared['id']}", "operator").status_code == 200
    assert named(service, "other") == []
    with service.core.store.read() as session:
        acts = session.exec(select(AuditEvent.action)).all()
    assert {"system_prompt.save", "system_prompt.delete"} <= set(acts)


def test_the_same_name_replaces_the_text(service: ChatService) -> None:
    first = service.post(OWN, TUTOR).json()
    again = service.post(OWN, TUTOR | {"text": "Ask first."}).json()
    assert again["id"] == first["id"] and again["text"] == "Ask first."


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"text": " "}, "text"),
        ({"text": "x" * (system_prompts.TEXT_LIMIT + 1)}, "text"),
        ({"text": "Say threatword."}, "text"),
        ({"name": "threatword"}, "name"),
    ],
)
def test_an_unfit_one_is_refused(service: ChatService, changed: dict[str, str], field: str) -> None:
    answer = service.post(OWN, TUTOR | changed)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == field
    assert named(service) == []


def test_nobody_fills_the_table(service: ChatService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_prompts, "MOST", 1)
    assert service.post(OWN, TUTOR).status_code == 201
    assert service.post(OWN, TUTOR | {"name": "Another"}).status_code == 409


def test_they_are_taken_along_and_erased_with_the_account(service: ChatService) -> None:
    sign_up(service)
    service.client.post(OWN, json=TUTOR, headers=HOME)
    [row] = service.client.get("/v1/account/data").json()["system_prompts"]
    assert row["text"] == TUTOR["text"]
    service.client.post("/v1/account/erasure", json={"confirm": "ada"}, headers=HOME)
    with service.core.store.read() as session:
        assert system_prompts.offered(session, row["owner_id"]) == []


def test_what_is_judged_under_a_system_prompt_is_learned_with_it(service: ChatService) -> None:
    asked = {"role": "user", "content": "Why is the sky blue?"}
    turn = service.ask(messages=[BRIEF, asked], n=2)["tutelage"]
    plain = service.ask(messages=[asked])["tutelage"]
    for message_id in (turn["message_ids"][0], plain["message_ids"][0]):
        judged = {"kind": "thumbs", "message_id": message_id, "value": "up"}
        assert service.post("/v1/feedback", judged).status_code == 201
    with service.core.store.read() as session:
        found = derivation.derive(preference_data.read(session), SnapshotConfig())
    assert [row["prompt"] for row in found.thumbs] == [[BRIEF, asked], [asked]]
    assert [row["prompt"] for row in found.prompts] == [[BRIEF, asked], [asked]]
    assert len({row["split"] for row in found.thumbs}) == 1  # the same question is on one side
    assert service.get("/v1/conversations?q=brief").json()["data"][0]["title"] == asked["content"]


def test_operators_manage_those_of_everyone_at_the_command_line(service: ChatService) -> None:
    data = service.core.settings.data
    file = data / "tutor.txt"
    file.write_text("You are a patient tutor.\n")
    run = CliRunner().invoke
    saved = run(app, ["system-prompt", "save", "As a tutor", str(file), "--data", str(data)])
    assert saved.exit_code == 0, saved.output
    [row] = service.get(OWN).json()["data"]
    listed = run(app, ["system-prompt", "list", "--data", str(data)])
    assert row["id"] in listed.output and row["shared"]
    run(app, ["system-prompt", "delete", row["id"], "--data", str(data)])
    assert named(service) == []
