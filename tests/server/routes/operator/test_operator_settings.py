"""Operators see every setting with its source, and save those that are no secret."""

from typing import Any

import pytest
from chat_service import HOME, ChatService, new_services, serve
from pydantic import SecretStr

from tutelage.composition import Core


def rows(service: ChatService) -> dict[str, Any]:
    answer = service.get("/v1/operator/settings", "operator")
    return {row["name"]: row for row in answer.json()["data"]}


def put(service: ChatService, name: str, value: object, who: str = "operator") -> Any:
    path = f"/v1/operator/settings/{name}"
    return service.client.put(path, json={"value": value}, headers=service.who(who))


def test_a_saved_setting_is_in_force_at_once_and_in_other_processes_soon(core: Core) -> None:
    with serve(new_services(core), core) as one, serve(new_services(core), core) as other:
        saved = put(one, "guests", False)
        assert saved.json()["source"] == "saved" and saved.json()["value"] is False
        refused = one.client.post("/v1/session", json={}, headers=HOME)
        other.client.app.state.tutelage.refresh_settings()
        also = other.client.post("/v1/session", json={}, headers=HOME)
        back = one.delete("/v1/operator/settings/guests", "operator").json()
        let_in = one.client.post("/v1/session", json={}, headers=HOME)
    assert (refused.status_code, also.status_code, let_in.status_code) == (403, 403, 200)
    assert (back["source"], back["saved"]) == ("default", None)


def test_limits_and_quotas_follow_the_saved_settings(service: ChatService) -> None:
    put(service, "quotas", '{"user": {"requests": 1}}')
    answers = [service.chat("Hello") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    put(service, "token_limit", 12)
    assert "x-ratelimit-limit-tokens" not in service.chat("Hi", "other").headers  # rate_limit=0


def test_a_setting_says_its_bounds_and_whether_it_waits_for_a_restart(
    service: ChatService,
) -> None:
    changed = put(service, "max_queue", 3).json()
    assert (changed["value"], changed["saved"], changed["pending"]) == (64, 3, True)
    found = rows(service)
    assert (found["temperature"]["minimum"], found["temperature"]["maximum"]) == (0, 2)
    assert found["policy_choice"]["choices"] == ["labelers", "everyone"]
    assert found["guests"]["kind"] == "switch" and found["guests"]["live"]
    assert not found["engine_key"]["editable"]


@pytest.mark.parametrize(
    ("name", "value", "status", "said"),
    [
        ("temperature", 9, 400, "less than or equal to 2"),
        ("rate_limit", 5, 409, "TUTELAGE_RATE_LIMIT is set where the service starts"),
        ("engine_key", "x", 404, "at the start"),
        ("nothing", 1, 404, "no setting"),
        ("guests", None, 400, "value"),
    ],
)
def test_bad_changes_are_told(
    shared: ChatService, name: str, value: object, status: int, said: str
) -> None:
    answer = put(shared, name, value)
    assert answer.status_code == status and said in answer.json()["error"]["message"]


def test_operators_only(shared: ChatService) -> None:
    assert put(shared, "guests", False, "labeler").status_code == 403
    assert shared.delete("/v1/operator/settings/guests", "labeler").status_code == 403


def test_settings_say_where_they_come_from_and_hide_secrets(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTELAGE_MAX_QUEUE", "7")
    hidden = SecretStr("hush-hush")
    services = new_services(core, oidc_client_secret=hidden, rate_limit=7, max_queue=7)
    with serve(services, core) as service:
        answer = service.get("/v1/operator/settings", "operator")
    rows = {row["name"]: row for row in answer.json()["data"]}
    assert rows["rate_limit"]["source"] == "command line"
    assert rows["max_queue"]["source"] == "environment"
    assert rows["host"]["source"] == "default"
    assert rows["oidc_client_secret"]["value"] == "set" and "hush" not in answer.text


def test_what_is_not_set_has_no_value(service: ChatService) -> None:
    unset = rows(service)["job_template"]
    assert (unset["value"], unset["default"]) == (None, None)
