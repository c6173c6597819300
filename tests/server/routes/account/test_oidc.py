"""Signing in at a real, small OpenID Connect provider that runs in the test."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chat_service import ChatService, new_services, serve, sign_up
from joserfc import jwt
from pydantic import SecretStr

from tutelage.composition import Core
from tutelage.people import teams

provider = pytest.importorskip("oidc_provider_mock", reason="the provider of these tests")


@pytest.fixture
def issuer() -> Iterator[str]:
    with provider.run_server_in_thread(require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def service(core: Core, issuer: str) -> Iterator[ChatService]:
    settings = {
        "oidc_issuer": issuer, "oidc_client_id": "tutelage",
        "oidc_client_secret": SecretStr("s"), "oidc_name": "Example",
    }  # fmt: skip
    with serve(new_services(core, **settings), core) as service:
        yield service


def authorize(service: ChatService, subject: str = "ada@example.com") -> str:
    """Go to the provider, say who one is there; the address that it sends one back to."""
    begun = service.client.get("/v1/session/oidc", follow_redirects=False)
    assert begun.status_code == 302
    answer = httpx.post(begun.headers["location"], data={"sub": subject})
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def finish(service: ChatService, address: str) -> str:
    answer = service.client.get(address, follow_redirects=False)
    assert answer.status_code == 302
    location: str = answer.headers["location"]
    return location


def test_somebody_signs_in_and_is_the_same_person_again(service: ChatService) -> None:
    assert service.client.get("/v1/session").json()["oidc"] == "Example"
    assert finish(service, authorize(service)) == "/"
    first = service.client.get("/v1/session").json()["user"]
    assert first["role"] == "user" and first["name"]
    service.client.cookies.clear()
    assert finish(service, authorize(service)) == "/"
    assert service.client.get("/v1/session").json()["user"]["id"] == first["id"]


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(service: ChatService) -> None:
    address = authorize(service)
    service.client.cookies.clear()
    assert finish(service, address).startswith("/sign-in?problem=")
    assert service.client.get("/v1/session").json()["user"] is None


def test_an_answer_to_another_request_is_refused(service: ChatService) -> None:
    stolen = authorize(service, "eve@example.com")
    authorize(service)
    assert finish(service, stolen).startswith("/sign-in?problem=")


def test_a_code_works_once(service: ChatService) -> None:
    address = authorize(service)
    cookie = service.client.cookies["tutelage_oidc"]
    assert finish(service, address) == "/"
    service.client.cookies.clear()
    service.client.cookies.set("tutelage_oidc", cookie)
    assert finish(service, address).startswith("/sign-in?problem=")


@pytest.mark.parametrize(
    ("seconds", "admitted"), [(45, True), (-45, True), (120, False), (-4000, False)]
)
def test_a_clock_that_differs_is_tolerated_for_a_minute_and_then_named(
    service: ChatService, monkeypatch: pytest.MonkeyPatch, seconds: int, admitted: bool
) -> None:
    """Seconds by which the provider is ahead; its tokens hold for an hour."""
    address, now = authorize(service), time.time()
    claims = jwt.JWTClaimsRegistry.__init__

    def shifted(self: Any, **kwargs: Any) -> None:
        claims(self, now=int(now - seconds), **kwargs)

    monkeypatch.setattr(jwt.JWTClaimsRegistry, "__init__", shifted)
    location = finish(service, address)
    assert location == "/" if admitted else "clock" in location


def test_a_name_that_is_taken_here_is_not_taken_over(service: ChatService) -> None:
    mine = sign_up(service)["id"]
    service.client.cookies.clear()
    assert finish(service, authorize(service, "Ada")) == "/"
    assert service.client.get("/v1/session").json()["user"]["id"] != mine


def test_whoever_says_no_at_the_provider_is_told(service: ChatService) -> None:
    assert "access_denied" in finish(service, "/v1/session/oidc/callback?error=access_denied")


def test_a_provider_that_is_away_is_told(core: Core) -> None:
    settings = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "t"}
    with serve(new_services(core, **settings), core) as service:
        answer = service.client.get("/v1/session/oidc", follow_redirects=False)
    assert answer.status_code == 503 and "cannot be reached" in answer.json()["error"]["message"]


def test_the_provider_names_the_team(core: Core, issuer: str) -> None:
    settings = {
        "oidc_issuer": issuer, "oidc_client_id": "tutelage",
        "oidc_client_secret": SecretStr("s"), "oidc_team_claim": "sub",
    }  # fmt: skip
    with core.store.write() as session:
        team = teams.create(session, "ada@example.com", "op").id
    with serve(new_services(core, **settings), core) as service:
        assert finish(service, authorize(service)) == "/"
        user_id = service.client.get("/v1/session").json()["user"]["id"]
    with core.store.read() as session:
        assert teams.of_person(session, user_id) == team
