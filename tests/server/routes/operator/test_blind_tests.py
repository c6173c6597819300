"""Blind tests: both policies answer, nothing tells them apart until all is judged."""

from typing import Any

import pytest
from chat_service import ChatService, new_services, publish, serve

from server.generators.echo import EchoGenerator
from tutelage.composition import Core
from tutelage.experiments import experiments

POLICIES = ["policy-0000", "policy-0001"]
PATH = "/v1/operator/blind-tests"


@pytest.fixture
def two(service: ChatService) -> ChatService:
    """A second policy that is not in memory; each answers in its own words."""
    publish(service.core, "policy-0001")
    generator = service.services.generator
    assert isinstance(generator, EchoGenerator)
    begun: list[int] = []

    def reply(messages: Any) -> str:
        begun.append(1)
        return f"Answer number {len(begun)} to {messages[-1]['content']}"

    generator._replies = reply
    return service


def start(service: ChatService, prompts: list[str], policies: Any = POLICIES) -> Any:
    body = {"policies": policies, "prompts": prompts}
    return service.post(PATH, body, "operator")


def judge(service: ChatService, test: Any, pair: Any, preferred: str | None) -> Any:
    body = {"prompt_id": pair["prompt_id"], "preferred": preferred}
    return service.post(f"{PATH}/{test['id']}/judgements", body, "operator")


def test_nothing_tells_the_policies_apart_until_all_is_judged(two: ChatService) -> None:
    test = start(two, ["One?", "Two?"]).json()
    assert [pair["prompt"] for pair in test["pairs"]] == ["One?", "Two?"]
    assert "policy-000" not in str(test) and test["result"] is None
    first, second = test["pairs"]
    after = judge(two, test, first, first["answers"][0]["id"]).json()
    assert "policy-000" not in str(after)
    done = judge(two, test, second, None).json()
    winner = done["pairs"][0]["answers"][0]["policy_id"]
    shares = {row["policy_id"]: row["mean"] for row in done["result"]}
    assert shares == {name: 0.75 if name == winner else 0.25 for name in POLICIES}
    assert all(row["low"] <= row["mean"] <= row["high"] for row in done["result"])


def test_what_is_said_after_the_policies_are_named_does_not_count(two: ChatService) -> None:
    test = start(two, ["One?"]).json()
    pair = test["pairs"][0]
    done = judge(two, test, pair, pair["answers"][0]["id"]).json()
    assert judge(two, test, pair, pair["answers"][1]["id"]).status_code == 409
    ids = [each["id"] for each in pair["answers"]]
    turned = {"kind": "ranking", "parent_id": pair["prompt_id"], "ranking": [[ids[1]], [ids[0]]]}
    assert two.post("/v1/feedback", turned, "operator").status_code == 201
    assert two.get(f"{PATH}/{test['id']}", "operator").json()["result"] == done["result"]


def test_a_judgement_can_be_changed_before(two: ChatService) -> None:
    test = start(two, ["One?", "Two?"]).json()
    first = test["pairs"][0]
    judge(two, test, first, first["answers"][0]["id"])
    changed = judge(two, test, first, first["answers"][1]["id"]).json()
    assert changed["pairs"][0]["judged"][0] == [first["answers"][1]["id"]]
    listed = two.get(PATH, "operator").json()["data"]
    assert [(row["prompts"], row["judged"]) for row in listed] == [(2, 1)]


def test_wins_count_on_the_leaderboard(two: ChatService) -> None:
    test = start(two, ["One?"]).json()
    pair = test["pairs"][0]
    judge(two, test, pair, pair["answers"][0]["id"])
    board = two.get("/v1/operator/leaderboard", "operator").json()[0]
    assert {row["policy_id"] for row in board["ratings"]} == set(POLICIES)


def test_a_trial_leaves_a_place_for_another_policy(two: ChatService) -> None:
    publish(two.core, "policy-0002")
    two.post("/v1/operator/experiments", {"policy_id": "policy-0002"}, "operator")
    assert start(two, ["One?"]).status_code == 201
    assert start(two, ["One?"], ["policy-0000", "policy-0002"]).status_code == 201
    with two.core.store.read() as session:
        assert experiments.running(session)


def test_a_trial_holds_the_only_place(core: Core) -> None:
    publish(core, "policy-0001")
    publish(core, "policy-0002")
    with serve(new_services(core, policies_in_memory=2), core) as service:
        service.post("/v1/operator/experiments", {"policy_id": "policy-0002"}, "operator")
        answer = start(service, ["One?"])
        assert answer.status_code == 409 and "on trial" in answer.json()["error"]["message"]
        with core.store.read() as session:
            assert experiments.running(session)


@pytest.mark.parametrize(
    ("policies", "status"),
    [(["policy-0000"] * 2, 409), (["policy-0000", "policy-9999"], 404), (["policy-0000"], 400)],
)
def test_a_test_that_cannot_be_is_refused(two: ChatService, policies: Any, status: int) -> None:
    assert start(two, ["One?"], policies).status_code == status
    assert two.get(PATH, "operator").json()["data"] == []


def test_the_same_answers_tell_nothing(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    answer = start(service, ["One?"])
    assert answer.status_code == 400 and "identical" in answer.json()["error"]["message"]
