"""/v1/session: guests, one-time links, consent, signing out."""

import json

import pytest
from chat_service import HOME, ChatService, link, new_services, serve

from tutelage.cli.options import settings_for
from tutelage.composition import Core
from tutelage.errors import Invalid


def test_a_stranger_is_nobody(service: ChatService) -> None:
    nobody = {"user": None, "guests": True, "sign_up": True, "oidc": None}
    told = service.client.get("/v1/session").json()
    assert {name: told[name] for name in nobody} == nobody


def test_a_guest_gets_a_session_and_keeps_it(service: ChatService) -> None:
    first = service.client.post("/v1/session", json={}, headers=HOME).json()["user"]
    assert first["role"] == "user" and first["training"] is False and first["consented"] is False
    assert service.client.get("/v1/session").json()["user"] == first
    assert service.client.post("/v1/session", json={}, headers=HOME).json()["user"] == first


def test_guests_can_be_kept_out(core: Core) -> None:
    with serve(new_services(core, guests=False), core) as service:
        answer = service.client.post("/v1/session", json={}, headers=HOME)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert service.client.get("/v1/session").json()["guests"] is False


def test_a_link_signs_in_once(service: ChatService) -> None:
    secret = link(service.core)
    user = service.client.post("/v1/session", json={"link": secret}, headers=HOME).json()["user"]
    assert (user["name"], user["role"]) == ("Ada", "operator")
    assert service.client.get("/v1/operator/summary").status_code == 200
    service.client.cookies.clear()
    again = service.client.post("/v1/session", json={"link": secret}, headers=HOME)
    assert again.status_code == 403 and "already" in again.json()["error"]["message"]


def test_a_link_replaces_a_guest(service: ChatService) -> None:
    service.client.post("/v1/session", json={}, headers=HOME)
    answer = service.client.post("/v1/session", json={"link": link(service.core)}, headers=HOME)
    assert answer.json()["user"]["role"] == "operator"
    assert service.client.get("/v1/session").json()["user"]["role"] == "operator"


def test_opening_the_page_of_a_link_does_not_use_it_up(service: ChatService) -> None:
    secret = link(service.core)
    service.client.get(f"/sign-in?token={secret}")
    answer = service.client.post("/v1/session", json={"link": secret}, headers=HOME)
    assert answer.status_code == 200


def test_another_site_cannot_sign_a_browser_in(service: ChatService) -> None:
    headers = {"origin": "http://evil.example"}
    answer = service.client.post("/v1/session", json={"link": link(service.core)}, headers=headers)
    assert answer.status_code == 403


def test_consent_becomes_the_default_of_new_conversations(service: ChatService) -> None:
    service.client.post("/v1/session", json={}, headers=HOME)
    user = service.client.patch("/v1/session", json={"training": True}, headers=HOME).json()["user"]
    assert user["training"] is True and user["consented"] is True
    body = {"model": "tutelage", "messages": [{"role": "user", "content": "Hi"}]}
    service.client.post("/v1/chat/completions", json=body, headers=HOME)
    [row] = service.client.get("/v1/conversations").json()["data"]
    assert row["training"] is True


def test_signing_out_ends_the_session(service: ChatService) -> None:
    service.client.post("/v1/session", json={}, headers=HOME)
    cookie = service.client.cookies["tutelage_session"]
    assert service.client.delete("/v1/session", headers=HOME).json()["user"] is None
    service.client.cookies.set("tutelage_session", cookie)
    assert service.client.get("/v1/session").json()["user"] is None


@pytest.mark.parametrize(
    "body", [{"training": "yes"}, {"training": None}, {}, {"role": "operator"}]
)
def test_consent_is_a_plain_yes_or_no(service: ChatService, body: dict[str, object]) -> None:
    assert service.patch("/v1/session", body).status_code == 400


def test_an_empty_chat_offers_the_operators_prompts(core: Core) -> None:
    with serve(new_services(core), core) as service:
        shipped = service.client.get("/v1/session").json()["starters"]
    assert "Make a plan" in [each["title"] for each in shipped]
    own = [{"title": "Ask about leave", "text": "How many days of leave do I have?"}]
    with serve(new_services(core, starters=json.dumps(own)), core) as service:
        assert service.client.get("/v1/session").json()["starters"] == own
    with serve(new_services(core, starters="[]"), core) as service:
        assert service.client.get("/v1/session").json()["starters"] == []


@pytest.mark.parametrize("wrong", ["no JSON", '{"title": "x"}', '[{"title": "", "text": "x"}]'])
def test_wrong_starters_are_one_sentence(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTELAGE_STARTERS", wrong)
    with pytest.raises(Invalid, match="Invalid TUTELAGE_STARTERS"):
        settings_for(None)
