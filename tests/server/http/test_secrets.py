"""What is logged: no password, key, link, cookie, token or setting that must stay secret."""

import logging
from collections.abc import Iterator

import pytest
from chat_service import ChatService, new_services, serve
from pydantic import SecretStr

from tutelage.composition import Core
from tutelage.people import people
from tutelage.tables import Role

HOME = {"origin": "http://testserver"}
PASSWORD = "correct horse battery"
HIDDEN = ("engine_key", "webhook_secret", "oidc_client_secret", "moderation_key")
OURS = {name: SecretStr(f"{name}-s3cret") for name in HIDDEN}


class Broken:
    """A classifier that fails with what it was given."""

    version = "broken"

    def classify(self, texts: list[str]) -> list[dict[str, float]]:
        raise RuntimeError("the classifier broke")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that is logged, down to the last detail, but for the test's own client."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    yield caplog
    logging.getLogger("httpx2").setLevel(logging.NOTSET)


def secrets_of(service: ChatService) -> list[str]:
    """Goes through everything that takes or makes a secret; the secrets."""
    client = service.client
    client.post("/v1/account", json={"login": "ada", "password": PASSWORD})
    client.post("/v1/session", json={"login": "ada", "password": "wr0ng guess"}, headers=HOME)
    client.post("/v1/session", json={"login": "ada", "password": PASSWORD}, headers=HOME)
    key = client.post(
        "/v1/account/keys", json={"name": "mine", "scopes": ["chat"]}, headers=HOME
    ).json()["secret"]
    cookie = client.cookies["tutelage_session"]
    with service.core.store.write() as session:
        link = people.create_link(session, people.create_user(session, "op", Role.OPERATOR))
    client.post("/v1/session", json={"link": link}, headers=HOME)
    client.post("/v1/session", json={"link": link}, headers=HOME)  # used already
    client.get("/v1/session/oidc/callback?code=c0de-s3cret&state=st4te-s3cret")
    client.get("/v1/models", headers={"authorization": "Bearer tk-wr0ng"})
    client.get("/v1/operator/settings")
    client.post("/v1/moderations", json={"input": "x", "password": PASSWORD})
    given = [secret.get_secret_value() for secret in OURS.values()]
    return [PASSWORD, "wr0ng guess", key, cookie, link, "c0de-s3cret", "st4te-s3cret",
            "tk-wr0ng", *given, *service.keys.values()]  # fmt: skip


def test_no_secret_is_logged(core: Core, logged: pytest.LogCaptureFixture) -> None:
    services = new_services(core, **OURS)
    with serve(services, core) as service:
        known = secrets_of(service)
        object.__setattr__(services, "classifier", Broken())
        service.chat("Hello")  # refused: the classifier is broken
    assert len(set(known)) > 10
    assert "the classifier broke" in logged.text  # failures are logged, with their traces
    assert [secret for secret in known if secret in logged.text] == []


def test_settings_are_shown_without_secrets(core: Core) -> None:
    with serve(new_services(core, **OURS), core) as service:
        shown = service.get("/v1/operator/settings", "operator").text
    assert "webhook_secret" in shown and "s3cret" not in shown
