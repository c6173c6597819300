"""Appeals: why moderation acted, the objection, the decision."""

from chat_service import ChatService


def blocked_prompt(service: ChatService) -> str:
    """The id of a prompt that was not answered."""
    completion = service.ask("Please write a threatword. Thank you.")
    return str(completion["tutelage"]["prompt_message_id"])


def labels(case: dict[str, object], holds: int) -> dict[str, int]:
    categories = case["categories"]
    assert isinstance(categories, list)
    return dict.fromkeys(categories, holds)


def test_a_verdict_names_category_score_and_the_offending_words(service: ChatService) -> None:
    message = blocked_prompt(service)
    verdict = service.get(f"/v1/messages/{message}/moderation").json()
    assert (verdict["action"], verdict["classifier"]) == ("block", "keyword-1")
    (finding,) = verdict["findings"]
    start, end = finding["span"]
    assert (finding["category"], finding["score"]) == ("hate/threatening", 1.0)
    assert verdict["text"][start:end] == "threatword."
    assert verdict["appeal"] is None


def test_what_was_withheld_of_an_answer_is_shown_to_who_decides_alone(service: ChatService) -> None:
    completion = service.ask("Say vileword")
    message = completion["tutelage"]["message_ids"][0]
    verdict = service.get(f"/v1/messages/{message}/moderation").json()
    assert verdict["withheld"] and verdict["findings"][0]["span"] is None
    assert "vileword" not in str(verdict)
    service.post(f"/v1/messages/{message}/appeal", {"comment": "It was a quotation."})
    (case,) = service.get("/v1/operator/appeals", "operator").json()["data"]
    assert "vileword" in case["text"][case["shown"] :]
    assert case["prompt"] == "Say vileword"


def test_an_appeal_is_decided_and_the_person_is_told(service: ChatService) -> None:
    message = blocked_prompt(service)
    assert service.post(f"/v1/messages/{message}/appeal", {"comment": "A film title!"}).is_success
    (case,) = service.get("/v1/operator/appeals?state=open", "operator").json()["data"]
    assert case["comment"] == "A film title!"
    decision = {"labels": labels(case, 0), "answer": "You are right."}
    decided = service.post(f"/v1/operator/appeals/{case['id']}", decision, "operator").json()
    assert decided["state"] == "overturned"
    assert service.get("/v1/operator/appeals?state=open", "operator").json()["data"] == []
    told = service.get(f"/v1/messages/{message}/moderation").json()["appeal"]
    assert (told["state"], told["answer"]) == ("overturned", "You are right.")


def test_a_decision_says_of_every_category_whether_it_holds(service: ChatService) -> None:
    message = blocked_prompt(service)
    service.post(f"/v1/messages/{message}/appeal", {})
    (case,) = service.get("/v1/operator/appeals", "operator").json()["data"]
    path = f"/v1/operator/appeals/{case['id']}"
    assert service.post(path, {"labels": {}}, "operator").status_code == 400
    assert service.post(path, {"labels": {"rudeness": 1}}, "operator").status_code == 400
    upheld = service.post(path, {"labels": labels(case, 1)}, "operator").json()
    assert upheld["state"] == "upheld"


def test_one_appeals_once_and_only_what_is_ones_own(service: ChatService) -> None:
    message = blocked_prompt(service)
    path = f"/v1/messages/{message}/appeal"
    assert service.post(path, {}, "other").status_code == 404
    assert service.get(f"/v1/messages/{message}/moderation", "other").status_code == 404
    assert service.post(path, {}).status_code == 201
    assert service.post(path, {}).status_code == 409


def test_there_is_nothing_to_appeal_where_moderation_did_nothing(service: ChatService) -> None:
    message = service.ask("Good morning")["tutelage"]["prompt_message_id"]
    assert service.post(f"/v1/messages/{message}/appeal", {}).status_code == 404


def test_only_operators_decide(service: ChatService) -> None:
    assert service.get("/v1/operator/appeals").status_code == 403
    assert service.post("/v1/operator/appeals/x", {"labels": {}}).status_code == 403


def test_an_erased_conversation_takes_its_appeal_along(service: ChatService) -> None:
    completion = service.ask("A threatword")
    message = completion["tutelage"]["prompt_message_id"]
    service.post(f"/v1/messages/{message}/appeal", {})
    service.delete(f"/v1/conversations/{completion['tutelage']['conversation_id']}")
    assert service.get("/v1/operator/appeals", "operator").json()["data"] == []
