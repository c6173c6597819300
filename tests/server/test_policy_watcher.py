"""The promoted policy: loaded at the start, swapped while the service runs."""

import shutil
from typing import Any

import httpx
import pytest
from chat_service import (
    HARMLESS,
    ChatService,
    Gated,
    eventually,
    listen,
    new_key,
    new_services,
    promote,
    publish,
    serve,
)

from tutelage.composition import Core, open_core
from tutelage.settings import Settings


def test_a_promotion_moves_new_turns(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    assert service.ask()["model"] == "policy-0000"
    answer = service.post("/v1/operator/policies/policy-0001/promote", name="operator")
    assert answer.json()["state"] == "current"
    assert eventually(lambda: service.ask()["model"] == "policy-0001")


def test_a_promotion_by_another_process_is_heard(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    promote(service.core, "policy-0001")
    assert eventually(lambda: service.get("/readyz").json()["policy"] == "policy-0001")


def test_a_rollback_moves_turns_back(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    promote(service.core, "policy-0001")
    assert eventually(lambda: service.ask()["model"] == "policy-0001")
    back = service.post("/v1/operator/policies/rollback", name="operator").json()
    assert back["id"] == "policy-0000"
    assert eventually(lambda: service.ask()["model"] == "policy-0000")


def test_a_running_stream_is_not_cut(core: Core) -> None:
    publish(core, "policy-0001")
    generator = Gated(free=5)
    key = new_key(core.store, "program")
    with listen(new_services(core, generator)) as address:
        body = {"model": "tutelage", "stream": True,
                "messages": [{"role": "user", "content": HARMLESS * 2}]}  # fmt: skip
        headers = {"authorization": f"Bearer {key}"}
        with httpx.stream(
            "POST", f"{address}/v1/chat/completions", json=body, headers=headers, timeout=30
        ) as answer:
            lines = answer.iter_lines()
            assert "policy-0000" in next(lines)
            promote(core, "policy-0001")
            assert eventually(lambda: generator.policy_id == "policy-0001")
            generator.gate.set()
            rest = list(lines)
    assert rest[-2] == "data: [DONE]"
    assert "policy-0001" not in "".join(rest) and '"finish_reason":"stop"' in "".join(rest)


def test_a_damaged_policy_is_not_promoted(service: ChatService) -> None:
    (publish(service.core, "policy-0001") / "card.md").write_text("changed")
    answer = service.post("/v1/operator/policies/policy-0001/promote", name="operator")
    assert answer.status_code == 409
    assert "card.md has changed" in answer.json()["error"]["message"]


def test_a_damaged_policy_leaves_the_old_one_answering(service: ChatService) -> None:
    (publish(service.core, "policy-0001") / "card.md").write_text("changed")
    promote(service.core, "policy-0001")
    assert eventually(lambda: bool(service.get("/readyz").json()["problem"]))
    ready = service.get("/readyz")
    assert ready.status_code == 200 and ready.json()["policy"] == "policy-0000"
    assert "policy-0001" in ready.json()["problem"] and "damaged" in ready.json()["problem"]
    summary = service.get("/v1/operator/summary", "operator").json()
    assert (summary["current_policy"], summary["loaded_policy"]) == ("policy-0001", "policy-0000")
    assert summary["load_error"] == ready.json()["problem"]
    assert service.ask()["model"] == "policy-0000"
    service.post("/v1/operator/policies/rollback", name="operator")
    assert eventually(lambda: service.get("/readyz").json()["problem"] is None)


def test_a_missing_policy_folder_is_told(core: Core) -> None:
    shutil.rmtree(core.library.path("policy-0000"))
    with serve(new_services(core), core) as service:
        ready = service.get("/readyz")
        answer = service.chat()
    assert ready.status_code == 503 and "policy-0000" in ready.json()["problem"]
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


def test_an_empty_folder_is_not_ready_and_says_so(tmp_path: object) -> None:
    core = open_core(Settings(data=tmp_path, rate_limit=0))
    with serve(new_services(core), core) as service:
        ready = service.get("/readyz")
        assert service.get("/v1/models").json()["data"] == []
    assert ready.status_code == 503 and ready.json()["status"] == "not_ready"
    assert "tutelage setup" in ready.json()["problem"]


def test_only_the_loaded_policy_can_be_asked(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    assert service.chat(model="policy-0000").status_code == 200
    answer = service.chat(model="policy-0001")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert "'tutelage'" in answer.json()["error"]["message"]


def again(service: ChatService, name: str, model: str) -> Any:
    """Another answer to the same prompt, by a policy of one's choice."""
    about = service.ask(name=name)["tutelage"]
    place = {"conversation_id": about["conversation_id"], "parent_id": about["prompt_message_id"]}
    return service.chat(name=name, model=model, messages=[], **place)


@pytest.mark.parametrize("name", ["labeler", "operator"])
def test_labelers_and_operators_regenerate_with_a_policy_of_their_choice(
    service: ChatService, name: str
) -> None:
    publish(service.core, "policy-0001")
    answer = again(service, name, "policy-0001").json()
    branches = service.conversation(answer, name)["messages"]
    assert answer["model"] == answer["system_fingerprint"] == "policy-0001"
    assert [each["policy_id"] for each in branches] == [None, "policy-0000", "policy-0001"]
    assert len({each["parent_id"] for each in branches[1:]}) == 1
    assert service.ask(name=name)["model"] == "policy-0000"
    assert eventually(lambda: service.services.generator.challengers == ())


def test_everyone_may_choose_where_that_is_set_but_not_what_the_gate_refused(core: Core) -> None:
    publish(core, "policy-0001")
    with serve(new_services(core, policy_choice="everyone"), core) as service:
        assert again(service, "user", "policy-0001").status_code == 404
        promote(core, "policy-0001")
        assert eventually(lambda: service.ask()["model"] == "policy-0001")
        assert again(service, "user", "policy-0000").json()["model"] == "policy-0000"


def test_a_trial_holds_the_only_place_beside_the_current_policy(core: Core) -> None:
    publish(core, "policy-0001")
    publish(core, "policy-0002")
    with serve(new_services(core, policies_in_memory=2), core) as service:
        service.post("/v1/operator/experiments", {"policy_id": "policy-0002"}, "operator")
        assert eventually(lambda: service.services.generator.challengers == ("policy-0002",))
        refused = again(service, "operator", "policy-0001")
        assert refused.status_code == 409
        assert "policy-0002, which is on trial" in refused.json()["error"]["message"]
        assert again(service, "operator", "policy-0002").json()["model"] == "policy-0002"


def test_a_policy_of_ones_choice_answers_beside_a_trial(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    publish(service.core, "policy-0002")
    service.post("/v1/operator/experiments", {"policy_id": "policy-0002"}, "operator")
    assert again(service, "operator", "policy-0001").json()["model"] == "policy-0001"
    assert eventually(lambda: service.services.generator.challengers == ("policy-0002",))


def test_a_damaged_policy_is_not_asked(service: ChatService) -> None:
    (publish(service.core, "policy-0001") / "card.md").write_text("changed")
    refused = service.chat(name="operator", model="policy-0001")
    assert refused.status_code == 503 and "damaged" in refused.json()["error"]["message"]
    assert service.get("/v1/conversations", "operator").json()["data"] == []


def test_the_models_say_which_can_be_asked(service: ChatService) -> None:
    publish(service.core, "policy-0001")
    models = service.get("/v1/models").json()["data"]
    assert [(each["id"], each["available"]) for each in models] == [
        ("tutelage", True), ("policy-0001", False), ("policy-0000", True),
    ]  # fmt: skip
    answer = service.get("/v1/models/policy-0001", "labeler").json()
    assert (answer["state"], answer["available"]) == ("candidate", True)
    assert service.get("/v1/models/policy-0001").json()["state"] == "candidate"
    assert service.get("/v1/models/nothing").json()["error"]["code"] == "model_not_found"
