"""Who may do what: keys, cookies, the same-origin check, and every route for everybody."""

import pytest
from chat_service import ChatService, new_services, serve
from httpx import Response

from server.http.auth import same_origin
from server.openapi import document
from tutelage.composition import Core
from tutelage.people import people
from tutelage.tables import Role

HOME = "http://testserver"


def test_without_a_key_nothing_is_answered(service: ChatService) -> None:
    answer = service.chat(name="nobody")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["Bearer tk-wrong", "Bearer ", "Bearer", "Basic dTpw", "tk-x", "Bearer \x7f", ""]
)
def test_a_wrong_key_is_401(service: ChatService, header: str) -> None:
    answer = service.client.get("/v1/models", headers={"authorization": header})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_revoked_key_is_401_at_once(service: ChatService) -> None:
    assert service.get("/v1/models").status_code == 200
    with service.core.store.write() as session:
        found = people.authenticate_key(session, service.keys["user"])
        assert found
        people.revoke_key(session, found[0].id, "test")
    assert service.get("/v1/models").status_code == 401


def test_the_use_of_a_key_is_remembered(service: ChatService) -> None:
    service.get("/v1/models")
    with service.core.store.read() as session:
        found = people.authenticate_key(session, service.keys["user"])
    assert found and found[0].last_used_at


def test_a_wrong_key_does_not_fall_back_to_the_cookie(service: ChatService) -> None:
    service.client.post("/v1/session", json={})
    answer = service.client.get("/v1/models", headers={"authorization": "Bearer tk-wrong"})
    assert answer.status_code == 401


@pytest.fixture
def guest(service: ChatService) -> ChatService:
    """A browser that has begun a guest session."""
    assert service.client.post("/v1/session", json={}).status_code == 200
    return service


CHAT = {"model": "tutelage", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://testserver.evil"])
def test_a_cookie_from_another_site_is_refused(guest: ChatService, origin: str | None) -> None:
    headers = {"origin": origin} if origin else {}
    answer = guest.client.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin")


def test_a_cookie_from_our_own_page_is_welcome(guest: ChatService) -> None:
    answer = guest.client.post("/v1/chat/completions", json=CHAT, headers={"origin": HOME})
    assert answer.status_code == 200


def test_reading_needs_no_origin(guest: ChatService) -> None:
    assert guest.client.get("/v1/conversations").status_code == 200


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("https://chat.example", "chat.example", True),
        ("https://chat.example:444", "chat.example", False),
        ("https://chat.example", "chat.example:443", True),
        ("https://chat.example", "CHAT.example", True),
        ("null", "chat.example", False),
        ("file://", "", False),
        ("http://[", "[", False),
        ("", "chat.example", False),
    ],
)
def test_same_origin(origin: str, host: str, same: bool) -> None:
    assert same_origin(origin, host) is same


def test_the_cookie_is_kept_from_scripts_and_other_sites(service: ChatService) -> None:
    cookie = service.client.post("/v1/session", json={}).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie


def test_over_https_the_cookie_is_secure(service: ChatService) -> None:
    answer = service.client.post("https://testserver/v1/session", json={})
    assert "Secure" in answer.headers["set-cookie"]


OPEN = {"/healthz", "/readyz", "/metrics"}
FOR_ANYONE = {("GET", "/v1/session"), ("POST", "/v1/session"), ("DELETE", "/v1/session")}
WITHOUT_ACCOUNT = {("POST", "/v1/account"), ("GET", "/v1/session/oidc"),
                   ("GET", "/v1/session/oidc/callback")}  # fmt: skip
ROUTES = sorted(
    (method.upper(), path) for path, methods in document()["paths"].items() for method in methods
)


def call(service: ChatService, method: str, path: str, name: str) -> int:
    """The status of a route for somebody, with ids that do not exist and an empty body."""
    address = path.replace("{", "").replace("}", "")
    body = {"json": {}} if method in ("POST", "PATCH") else {}
    answer = service.client.request(method, address, headers=service.who(name), **body)
    assert answer.headers["x-request-id"].startswith("req_")
    if answer.status_code >= 400 and path not in OPEN:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    status: int = answer.status_code
    return status


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("name", ["nobody", "user", "other", "labeler", "operator"])
def test_every_route_for_everybody(shared: ChatService, method: str, path: str, name: str) -> None:
    shared.client.cookies.clear()
    status = call(shared, method, path, name)
    if path in OPEN or (method, path) in FOR_ANYONE:
        assert status == 200
    elif (method, path) in WITHOUT_ACCOUNT or path.startswith("/v1/shared/"):
        assert status in (400, 404)
    elif name == "nobody":
        assert status == 401
    elif name in kept_from(path):
        assert status == 403
    else:
        assert status in (200, 201, 400, 404, 409)


COOKIES = [(method, path) for method, path in ROUTES if path not in OPEN]


@pytest.fixture(scope="module")
def signed_in(shared: ChatService) -> dict[str, str]:
    """The cookies of four people, by name; each signed in by a link of their own."""
    roles = {"user": Role.USER, "other": Role.USER, "labeler": Role.LABELER,
             "operator": Role.OPERATOR}  # fmt: skip
    return {name: sign_in(shared, name, role) for name, role in roles.items()}


def sign_in(service: ChatService, name: str, role: Role) -> str:
    """Exchange a one-time link; the session cookie."""
    with service.core.store.write() as session:
        link = people.create_link(session, people.create_user(session, f"{name} here", role))
    service.client.cookies.clear()
    answer = service.client.post("/v1/session", json={"link": link}, headers={"origin": HOME})
    return str(answer.headers["set-cookie"]).split(";")[0]


def with_cookie(
    service: ChatService, method: str, path: str, cookie: str, origin: str | None = HOME
) -> Response:
    """A call as a browser makes it from the page ``origin``."""
    service.client.cookies.clear()
    headers = {"cookie": cookie} | ({"origin": origin} if origin else {})
    body = {"json": {}} if method in ("POST", "PATCH", "PUT") else {}
    address = path.replace("{", "").replace("}", "")
    return service.client.request(method, address, headers=headers, **body)


@pytest.mark.parametrize(("method", "path"), COOKIES)
def test_every_change_by_cookie_needs_our_own_page(
    shared: ChatService, signed_in: dict[str, str], method: str, path: str
) -> None:
    for origin in (None, "null", "https://evil.example"):
        answer = with_cookie(shared, method, path, signed_in["operator"], origin)
        if method == "GET":
            assert answer.status_code != 403
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin")


@pytest.mark.parametrize(("method", "path"), sorted({*COOKIES} - {("DELETE", "/v1/session")}))
@pytest.mark.parametrize("name", ["user", "other", "labeler", "operator"])
def test_every_route_with_a_cookie(
    shared: ChatService, signed_in: dict[str, str], method: str, path: str, name: str
) -> None:
    status = with_cookie(shared, method, path, signed_in[name]).status_code
    if not path.startswith("/v1/account") and name in kept_from(path):
        assert status == 403
    else:
        assert status in (200, 201, 302, 303, 400, 404, 409)


def kept_from(path: str) -> tuple[str, ...]:
    """Who may not use a route; nobody manages an account with a key."""
    if path.startswith("/v1/account"):
        return ("user", "other", "labeler", "operator")
    if path.startswith("/v1/operator"):
        return ("user", "other", "labeler")
    return ("user", "other") if path.startswith("/v1/labeling") else ()


@pytest.mark.parametrize("name", ["other", "labeler", "operator"])
def test_nobody_reaches_into_anothers_conversation(service: ChatService, name: str) -> None:
    turn = service.ask("Secret")["tutelage"]
    conversation, message = turn["conversation_id"], turn["message_ids"][0]
    path = f"/v1/conversations/{conversation}"
    assert service.get(path, name).status_code == 404
    assert service.patch(path, {"title": "Mine"}, name).status_code == 404
    assert service.delete(path, name).status_code == 404
    assert service.chat(name=name, conversation_id=conversation).status_code == 404
    assert service.get("/v1/conversations", name).json()["data"] == []
    judged = {"kind": "thumbs", "message_id": message, "value": "up"}
    assert service.post("/v1/feedback", judged, name).status_code == 404
    assert service.get(path).status_code == 200


def test_the_database_file_holds_no_secret(core: Core) -> None:
    with serve(new_services(core), core) as service:
        service.ask()
        secret = service.keys["user"]
    core.store.close()
    found = [path for path in core.settings.data.glob("tutelage.db*")
             if secret.encode() in path.read_bytes()]  # fmt: skip
    assert found == []


PUBLIC = "https://chat.example"


@pytest.mark.parametrize("host", ["tutelage:8000", "chat.example:443", "CHAT.example"])
def test_the_public_urls_origin_is_accepted_whatever_the_host(core: Core, host: str) -> None:
    with serve(new_services(core, public_url=PUBLIC), core) as service:
        sent = {"origin": PUBLIC, "host": host}
        answer = service.client.post("/v1/session", json={}, headers=sent)
    assert answer.status_code == 200
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_refused_origin_is_told_which_one_is_expected(core: Core, origin: str) -> None:
    sent = {"origin": origin, "x-forwarded-host": "evil.example"}
    with serve(new_services(core, public_url=PUBLIC), core) as service:
        answer = service.client.post("/v1/session", json={}, headers=sent)
    assert answer.status_code == 403
    message = answer.json()["error"]["message"]
    assert PUBLIC in message and origin in message and "TUTELAGE_PUBLIC_URL" in message


ASKED = {
    "origin": "http://localhost:3000",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-os",
}


def test_other_sites_may_not_call_unless_a_setting_names_them(service: ChatService) -> None:
    answer = service.client.options("/v1/chat/completions", headers=ASKED)
    assert "access-control-allow-origin" not in answer.headers


def test_named_origins_may_call_with_keys_and_read_errors(core: Core) -> None:
    origin = {"origin": ASKED["origin"]}
    with serve(new_services(core, cors_origins=ASKED["origin"]), core) as service:
        asked = service.client.options("/v1/chat/completions", headers=ASKED)
        wrong = service.client.get("/v1/models", headers=origin | {"authorization": "Bearer no"})
        other = service.client.get("/v1/models", headers={"origin": "http://other"})
    assert asked.status_code == 200
    assert "x-stainless-os" in asked.headers["access-control-allow-headers"]
    for each in (asked, wrong):
        assert each.headers["access-control-allow-origin"] == ASKED["origin"]
        assert "access-control-allow-credentials" not in each.headers
    assert wrong.status_code == 401 and "x-request-id" in wrong.headers
    assert "access-control-allow-origin" not in other.headers


def test_streams_and_limits_of_a_named_origin_can_be_read(core: Core) -> None:
    origin = {"origin": ASKED["origin"]}
    body = {"model": "tutelage", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with serve(new_services(core, cors_origins=ASKED["origin"], rate_limit=9), core) as service:
        headers = origin | service.who("user")
        streamed = service.client.post("/v1/chat/completions", json=body, headers=headers)
        put = service.client.options(
            "/v1/operator/settings/guests", headers=ASKED | {"access-control-request-method": "PUT"}
        )
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert streamed.headers["access-control-allow-origin"] == ASKED["origin"]
    assert "x-ratelimit-remaining-requests" in streamed.headers["access-control-expose-headers"]
    assert put.status_code == 200 and "PUT" in put.headers["access-control-allow-methods"]


def test_origins_are_allowed_from_the_moment_that_an_operator_saves_them(core: Core) -> None:
    with serve(new_services(core), core) as service:
        before = service.client.options("/v1/chat/completions", headers=ASKED)
        change = {"value": ASKED["origin"] + "/"}
        service.client.put(
            "/v1/operator/settings/cors_origins", json=change, headers=service.who("operator")
        )
        after = service.client.options("/v1/chat/completions", headers=ASKED)
    assert (before.status_code, after.status_code) == (405, 200)
