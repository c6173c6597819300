"""/v1/account: sign-up, passwords, keys, quota, data, erasure; and operators over users."""

import json

import pytest
from chat_service import ADA, HOME, ChatService, link, new_services, serve, sign_up

from tutelage.composition import Core


def key(service: ChatService, **body: object) -> dict[str, str]:
    asked = {"name": "program", "scopes": ["chat", "feedback"]} | body
    answer = service.client.post("/v1/account/keys", json=asked, headers=HOME)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


def with_key(service: ChatService, method: str, path: str, secret: str, **rest: object) -> int:
    service.client.cookies.clear()
    headers = {"authorization": f"Bearer {secret}"}
    status: int = service.client.request(method, path, headers=headers, **rest).status_code
    return status


def test_a_guest_signs_up_and_keeps_their_conversations(service: ChatService) -> None:
    guest = service.client.post("/v1/session", json={}, headers=HOME).json()["user"]
    old = service.client.cookies["tutelage_session"]
    assert sign_up(service)["id"] == guest["id"]
    assert service.client.cookies["tutelage_session"] != old
    service.client.cookies.clear()
    service.client.cookies.set("tutelage_session", old)
    assert service.client.get("/v1/session").json()["user"] is None


def test_signing_in_with_a_password(service: ChatService) -> None:
    sign_up(service)
    service.client.cookies.clear()
    answer = service.client.post("/v1/session", json=ADA, headers=HOME)
    assert answer.json()["user"]["login"] == "ada"
    assert "HttpOnly" in answer.headers["set-cookie"]


def test_guessing_is_slowed_down(service: ChatService) -> None:
    sign_up(service)
    service.client.cookies.clear()
    statuses = [
        service.client.post("/v1/session", json=ADA | {"password": f"guess {n}"}).status_code
        for n in range(9)
    ]
    assert statuses == [403] * 8 + [429]
    right = service.client.post("/v1/session", json=ADA)
    assert right.status_code == 429 and int(right.headers["retry-after"]) > 0


def test_sign_up_can_be_switched_off(core: Core) -> None:
    with serve(new_services(core, sign_up=False), core) as service:
        assert service.client.post("/v1/account", json=ADA, headers=HOME).status_code == 403


def test_another_site_cannot_make_an_account(service: ChatService) -> None:
    evil = {"origin": "http://evil.example"}
    assert service.client.post("/v1/account", json=ADA, headers=evil).status_code == 403


def test_changing_name_and_password(service: ChatService) -> None:
    sign_up(service)
    change = {"name": "Countess", "password": "another long secret", "old_password": "no"}
    assert service.client.patch("/v1/account", json=change, headers=HOME).status_code == 403
    change["old_password"] = ADA["password"]
    answer = service.client.patch("/v1/account", json=change, headers=HOME)
    assert answer.json()["user"]["name"] == "Countess"
    assert service.client.get("/v1/account").json()["has_password"] is True


def test_a_key_has_the_scopes_that_it_was_made_with(service: ChatService) -> None:
    sign_up(service)
    made = key(service, scopes=["chat"])
    assert with_key(service, "GET", "/v1/models", made["secret"]) == 200
    assert with_key(service, "GET", "/v1/feedback", made["secret"]) == 403
    assert with_key(service, "GET", "/v1/account", made["secret"]) == 403


def test_a_key_gives_no_more_than_its_owners_role(service: ChatService) -> None:
    sign_up(service)
    body = {"name": "k", "scopes": ["operate"]}
    assert service.client.post("/v1/account/keys", json=body, headers=HOME).status_code == 403


def test_a_listed_key_hides_its_secret_and_is_revoked(service: ChatService) -> None:
    sign_up(service)
    made = key(service, days=30)
    [row] = service.client.get("/v1/account/keys").json()["data"]
    assert made["secret"] not in json.dumps(row) and row["expires_at"] > row["created_at"]
    path = f"/v1/account/keys/{made['id']}"
    assert service.client.delete(path, headers=HOME).status_code == 200
    assert with_key(service, "GET", "/v1/models", made["secret"]) == 401


def test_a_quota_stops_chat_and_is_shown(core: Core) -> None:
    with serve(new_services(core, quotas='{"user": {"requests": 1}}'), core) as service:
        sign_up(service)
        body = {"model": "tutelage", "messages": [{"role": "user", "content": "Hi"}]}
        first = service.client.post("/v1/chat/completions", json=body, headers=HOME)
        again = service.client.post("/v1/chat/completions", json=body, headers=HOME)
        assert (first.status_code, again.status_code) == (200, 429)
        assert again.json()["error"]["code"] == "insufficient_quota"
        quota = service.client.get("/v1/account").json()["quota"]
        assert (quota["requests_limit"], quota["requests_used"]) == (1, 1)
        assert quota["tokens_used"] > 0


def test_all_ones_data_and_nobody_elses_secrets(service: ChatService) -> None:
    sign_up(service)
    body = {"model": "tutelage", "messages": [{"role": "user", "content": "Remember me"}]}
    service.client.post("/v1/chat/completions", json=body, headers=HOME)
    key(service)
    answer = service.client.get("/v1/account/data")
    assert "attachment" in answer.headers["content-disposition"]
    data = answer.json()
    assert data["conversations"][0]["messages"][0]["content"] == "Remember me"
    assert "argon2" not in answer.text and "sha256" not in answer.text


def test_erasure_needs_the_name_and_leaves_nothing(service: ChatService) -> None:
    sign_up(service)
    body = {"model": "tutelage", "messages": [{"role": "user", "content": "Forget me"}]}
    service.client.post("/v1/chat/completions", json=body, headers=HOME)
    path = "/v1/account/erasure"
    assert service.client.post(path, json={"confirm": "eve"}, headers=HOME).status_code == 400
    assert service.client.post(path, json={"confirm": "Ada"}, headers=HOME).status_code == 200
    assert service.client.post("/v1/session", json=ADA, headers=HOME).status_code == 403


@pytest.fixture
def boss(service: ChatService) -> ChatService:
    """Signed in as an operator, with one user beside."""
    sign_up(service)
    service.client.cookies.clear()
    body = {"link": link(service.core)}
    assert service.client.post("/v1/session", json=body, headers=HOME).status_code == 200
    return service


def user_id(boss: ChatService, name: str = "ada") -> str:
    [found] = boss.client.get("/v1/operator/users", params={"q": name, "role": "user"}).json()[
        "data"
    ]
    identifier: str = found["id"]
    return identifier


def test_an_operator_changes_roles_quotas_and_access(boss: ChatService) -> None:
    path = f"/v1/operator/users/{user_id(boss)}"
    change = {"role": "labeler", "quota": {"requests": 3, "tokens": 0}, "disabled": True}
    answer = boss.client.patch(path, json=change, headers=HOME).json()
    assert (answer["role"], answer["own_quota"]) == ("labeler", True)
    assert answer["disabled_at"] and answer["quota"]["requests_limit"] == 3
    events = boss.client.get("/v1/operator/audit").json()["data"]
    actions = [event["action"] for event in events]
    role = next(event for event in events if event["action"] == "user.role")
    assert role["subject_name"] == "Ada" and role["actor_name"] != role["actor"]
    assert {"user.role", "user.quota", "user.disable"} <= set(actions)


def test_an_operator_lets_somebody_in_by_a_link(boss: ChatService) -> None:
    asked = {"name": "Grace", "role": "labeler"}
    path = boss.client.post("/v1/operator/users", json=asked, headers=HOME).json()["path"]
    boss.client.cookies.clear()
    token = path.split("token=")[1]
    user = boss.client.post("/v1/session", json={"link": token}, headers=HOME).json()["user"]
    assert (user["name"], user["role"]) == ("Grace", "labeler")
