"""Canary, shadow, side by side and pins over HTTP: traffic really moves, and moves back."""

import threading
from collections import Counter
from typing import Any

import httpx
import pytest
from chat_service import ChatService, eventually, listen, new_key, new_services, publish
from sqlmodel import select

from tutelage.composition import Core
from tutelage.experiments import experiments
from tutelage.tables import Role, ShadowResponse, User

START = "/v1/operator/experiments"


def start(service: ChatService, **body: Any) -> Any:
    publish(service.core, "policy-0001")
    answer = service.post(START, {"policy_id": "policy-0001", **body}, "operator")
    assert answer.status_code == 201, answer.text
    return answer.json()


def met(service: ChatService) -> str:
    return str(service.ask()["system_fingerprint"])


def user_id(core: Core, name: str) -> str:
    with core.store.read() as session:
        return session.exec(select(User.id).where(User.name == name)).one()


def test_a_canary_answers_its_share_and_a_rollback_ends_that(service: ChatService) -> None:
    experiment = start(service, share=1.0)
    assert met(service) == "policy-0001"
    ended = service.post(f"{START}/{experiment['id']}/rollback", name="operator").json()
    assert ended["state"] == "rolled_back"
    assert met(service) == "policy-0000"


def test_a_promotion_ends_the_trial(service: ChatService) -> None:
    experiment = start(service, share=0.000001)
    assert met(service) == "policy-0000"
    service.post(f"{START}/{experiment['id']}/promote", name="operator")
    assert met(service) == "policy-0001"


def test_a_forecast_says_when_too_few_compare(service: ChatService) -> None:
    found = service.get(f"{START}/forecast?days=7", "operator").json()
    assert found == {"people": 0, "comparisons": 0.0, "days": 7.0, "by_lead": []}


def test_pins_come_before_shares(service: ChatService) -> None:
    start(service, share=1.0)
    who = user_id(service.core, "user")
    body = {"policy_id": "policy-0000"}
    path = f"/v1/operator/pins/{who}"
    pinned = service.client.put(path, json=body, headers=service.who("operator"))
    assert pinned.json()["policy_id"] == "policy-0000"
    assert met(service) == "policy-0000"
    assert service.get("/v1/operator/pins", "operator").json()["data"][0]["user_id"] == who
    unpinned = service.delete(path, "operator")
    assert unpinned.status_code == 204 and "content-type" not in unpinned.headers
    assert eventually(lambda: met(service) == "policy-0001")


def test_side_by_side_shows_both_to_who_consents(service: ChatService) -> None:
    start(service, share=0.000001)
    completion = service.ask(n=2)
    messages = service.conversation(completion)["messages"]
    policies = [m["policy_id"] for m in messages if m["role"] == "assistant"]
    assert sorted(policies) == ["policy-0000", "policy-0001"]
    completion = service.ask(n=2, x_tutelage_training="off")
    messages = service.conversation(completion)["messages"]
    assert {m["policy_id"] for m in messages if m["role"] == "assistant"} == {"policy-0000"}


def test_a_shadow_is_kept_and_shown_to_nobody(service: ChatService) -> None:
    experiment = start(service, kind="shadow", share=1.0)
    completion = service.ask("Say it again.")
    assert completion["system_fingerprint"] == "policy-0000"

    def rows() -> list[ShadowResponse]:
        with service.core.store.read() as session:
            return list(session.exec(select(ShadowResponse)))

    assert eventually(lambda: len(rows()) == 1)
    assert (rows()[0].policy_id, rows()[0].content) == ("policy-0001", "Say it again.")
    assert len(service.conversation(completion)["messages"]) == 2
    listed = service.get(f"{START}/{experiment['id']}/shadows", "operator").json()["data"]
    assert (listed[0]["prompt"], listed[0]["shadow"]) == ("Say it again.", "Say it again.")


def test_a_damaged_policy_is_not_tried(service: ChatService) -> None:
    (publish(service.core, "policy-0001") / "card.md").write_text("changed")
    answer = service.post(START, {"policy_id": "policy-0001"}, "operator")
    assert (answer.status_code, "damaged" in answer.text) == (409, True)


@pytest.mark.parametrize("name", ["user", "labeler"])
def test_only_operators_put_policies_on_trial(service: ChatService, name: str) -> None:
    assert service.post(START, {"policy_id": "policy-0000"}, name).status_code == 403


def test_the_leaderboard_and_the_schedule_can_be_seen_and_set(service: ChatService) -> None:
    boards = service.get("/v1/operator/leaderboard", "operator").json()
    assert [board["source"] for board in boards] == ["people", "gate"]
    body = {"cron": "0 3 * * *", "preset": "smoke"}
    path = "/v1/operator/schedule"
    state = service.client.put(path, json=body, headers=service.who("operator")).json()
    assert state["schedule"]["cron"] == "0 3 * * *" and state["next_at"] > 0
    bad = service.client.put(path, json={"cron": "often"}, headers=service.who("operator"))
    assert bad.status_code == 400 and "Invalid cron expression" in bad.json()["error"]["message"]


def test_a_rollback_moves_all_traffic_under_load(core: Core) -> None:
    publish(core, "policy-0001")
    key = new_key(core.store, "program")
    seen: Counter[str] = Counter()
    after: Counter[str] = Counter()
    rolled_back, stop = threading.Event(), threading.Event()

    with listen(new_services(core)) as address:
        with core.store.write() as session:
            experiment = experiments.start(session, "policy-0001", "ada", share=1.0)
        headers = {"authorization": f"Bearer {key}"}
        body = {"model": "tutelage", "messages": [{"role": "user", "content": "Hello there"}]}

        def load() -> None:
            with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
                while not stop.is_set():
                    certain = rolled_back.is_set()
                    answer = client.post("/v1/chat/completions", json=body)
                    policy = answer.json().get("system_fingerprint", answer.text)
                    (after if certain else seen)[policy] += 1

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: seen["policy-0001"] > 5)
        operator = new_key(core.store, "boss", role=Role.OPERATOR)
        ended = httpx.post(
            f"{address}{START}/{experiment.id}/rollback",
            headers={"authorization": f"Bearer {operator}"}, timeout=30,
        )  # fmt: skip
        assert ended.json()["state"] == "rolled_back"
        rolled_back.set()
        assert eventually(lambda: after["policy-0000"] > 10)
        stop.set()
        for thread in threads:
            thread.join(30)
    assert set(after) == {"policy-0000"}
    assert set(seen) <= {"policy-0000", "policy-0001"}
