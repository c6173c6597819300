"""A site key works on the pages of its origins, for visitors who see nothing of each other."""

from typing import Any

import pytest
from chat_service import ChatService
from sqlmodel import select

from tutelage.tables import Conversation, Identity

PAGE = "https://shop.example"
ONE, OTHER = "a" * 22, "b" * 22


def site_key(service: ChatService, training: bool = True, **limits: int) -> str:
    body = {"name": "Shop", "site": {"origins": [PAGE], **limits}, "training": training}
    made = service.post("/v1/operator/site-keys", body, "operator")
    assert made.status_code == 201, made.text
    secret: str = made.json()["secret"]
    return secret


def call(
    service: ChatService,
    secret: str,
    path: str = "/v1/chat/completions",
    body: Any = None,
    visitor: str | None = ONE,
    origin: str | None = PAGE,
    method: str = "POST",
) -> Any:
    headers = {"authorization": f"Bearer {secret}"}
    headers |= {"x-tutelage-visitor": visitor} if visitor else {}
    headers |= {"origin": origin} if origin else {}
    return service.client.request(method, path, json=body, headers=headers)


def ask(service: ChatService, secret: str, visitor: str = ONE, **more: Any) -> Any:
    body = {"model": "tutelage", "messages": [{"role": "user", "content": "Hello there"}]} | more
    return call(service, secret, body=body, visitor=visitor)


def thumb(completion: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "thumbs", "completion_id": completion["id"], "value": "up"} | more


def preflight(service: ChatService) -> int:
    asked = {
        "origin": PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-tutelage-visitor",
    }
    status: int = service.client.options("/v1/chat/completions", headers=asked).status_code
    return status


def test_a_visitor_chats_rates_and_withdraws(service: ChatService) -> None:
    secret = site_key(service)
    assert preflight(service) == 200
    answer = ask(service, secret, n=2)
    assert answer.headers["access-control-allow-origin"] == PAGE
    completion = answer.json()
    given = call(service, secret, "/v1/feedback", thumb(completion))
    ranking = {"kind": "ranking", "completion_id": completion["id"], "ranking": [[1], [0]]}
    ranked = call(service, secret, "/v1/feedback", ranking)
    path = f"/v1/feedback/{given.json()['id']}"
    withdrawn = call(service, secret, path, method="DELETE")
    assert [each.status_code for each in (given, ranked, withdrawn)] == [201, 201, 200]


def test_visitors_see_nothing_of_each_other(service: ChatService) -> None:
    secret = site_key(service)
    completion = ask(service, secret).json()
    info = completion["tutelage"]
    place = {"conversation_id": info["conversation_id"], "parent_id": info["message_ids"][0]}
    assert ask(service, secret, **place).status_code == 200
    assert ask(service, secret, OTHER, **place).status_code == 404
    assert call(service, secret, "/v1/feedback", thumb(completion), OTHER).status_code == 404
    assert ask(service, site_key(service), **place).status_code == 404  # another site's visitor


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "null", None])
def test_other_pages_are_refused(service: ChatService, origin: str | None) -> None:
    refused = call(service, site_key(service), body={}, origin=origin)
    assert refused.status_code == 403 and "site key is not for" in refused.text


def test_nothing_else_is_allowed(service: ChatService) -> None:
    secret = site_key(service)
    for route in (
        "GET /v1/conversations", "GET /v1/feedback", "GET /v1/models", "POST /v1/responses",
        "POST /v1/embeddings", "GET /v1/operator/summary", "DELETE /v1/conversations/conv_1",
        "POST /v1/account/erasure", "GET /v1/session", "POST /v1/completions",
    ):  # fmt: skip
        method, path = route.split()
        answer = call(service, secret, path, method=method)
        assert answer.status_code == 403, route
        assert "chat completions and their thumbs" in answer.text


def test_bodies_are_bounded(service: ChatService) -> None:
    secret = site_key(service)
    completion = ask(service, secret).json()
    edit = {"kind": "edit", "completion_id": completion["id"], "text": "Better"}
    report = {"kind": "report", "completion_id": completion["id"], "category": "other"}
    three = {"kind": "ranking", "completion_id": completion["id"], "ranking": [[0], [1], [2]]}
    for body in (edit, report, three):
        assert call(service, secret, "/v1/feedback", body).status_code == 403
    assert ask(service, secret, n=3).status_code == 403
    assert ask(service, secret, max_tokens=513).status_code == 403


@pytest.mark.parametrize("visitor", [None, "short", "x" * 129, "a b" * 10])
def test_a_visitor_needs_a_secret(service: ChatService, visitor: str | None) -> None:
    answer = call(service, site_key(service), body={}, visitor=visitor)
    assert answer.status_code == 400 and "x-tutelage-visitor" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("limit", "other"),
    [("visitor_per_day", 200), ("per_day", 429), ("visitor_per_minute", 429), ("per_minute", 429)],
)
def test_each_limit_holds(service: ChatService, limit: str, other: int) -> None:
    """Visitors of one address share its requests of a minute."""
    secret = site_key(service, **{limit: 1})
    answers = [ask(service, secret, each) for each in (ONE, ONE, OTHER)]
    assert [each.status_code for each in answers] == [200, 429, other]
    assert "retry-after" in answers[1].headers


def test_training_needs_the_key_and_the_visitor(service: ChatService) -> None:
    for training in (True, False):
        ask(service, site_key(service, training))
    secret = site_key(service)
    headers = {"authorization": f"Bearer {secret}", "origin": PAGE, "x-tutelage-visitor": ONE}
    body = {"model": "tutelage", "messages": [{"role": "user", "content": "Hi"}]}
    headers["x-tutelage-training"] = "off"
    assert service.client.post("/v1/chat/completions", json=body, headers=headers).is_success
    with service.core.store.read() as session:
        found = [row.training for row in session.exec(select(Conversation))]
        secrets = [row.subject for row in session.exec(select(Identity))]
    assert sorted(found) == [False, False, True]
    assert all(len(each) == 64 and ONE not in each for each in secrets)


def test_operators_list_and_revoke(service: ChatService) -> None:
    secret = site_key(service)
    ask(service, secret)
    (row,) = service.get("/v1/operator/site-keys", "operator").json()["data"]
    assert (row["visitors"], row["prompts_today"], row["site"]["origins"]) == (1, 1, [PAGE])
    assert secret not in str(row)
    assert service.delete(f"/v1/operator/keys/{row['id']}", "operator").status_code == 200
    assert ask(service, secret).status_code == 401
    service.client.app.state.tutelage.refresh_settings()  # type: ignore[attr-defined]
    assert preflight(service) == 405
    assert service.get("/v1/operator/site-keys", "labeler").status_code == 403


@pytest.mark.parametrize("origin", ["*", "shop.example", "https://shop.example/path"])
def test_a_key_names_whole_origins(shared: ChatService, origin: str) -> None:
    body = {"name": "Shop", "site": {"origins": [origin]}}
    answer = shared.post("/v1/operator/site-keys", body, "operator")
    assert answer.status_code == 400 and "origin" in answer.json()["error"]["message"]
