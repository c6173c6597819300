"""What every HTTP response has: ids and security headers; and no details of internal errors."""

import errno
import os
import shutil
from typing import Any

import pytest
import sqlalchemy
from chat_service import ChatService, new_services, serve

from server.http.errors import as_api_error
from tutelage.composition import Core


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/nowhere", "/", "/docs"])
def test_every_answer_has_an_id_and_security_headers(shared: ChatService, path: str) -> None:
    headers = shared.client.get(path).headers
    assert headers["x-request-id"].startswith("req_")
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "script-src 'self'" in policy and "frame-ancestors 'none'" in policy


def test_ids_differ(shared: ChatService) -> None:
    ids = {shared.client.get("/healthz").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


def test_an_unknown_address_is_404(shared: ChatService) -> None:
    for path in ("/v1/nothing", "/v2", "/assets/x.js", "/..%2f..%2fpyproject.toml", "/%00"):
        answer = shared.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


def test_another_method_is_405(shared: ChatService) -> None:
    answer = shared.get("/v1/moderations")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_supported")
    assert answer.headers["allow"] == "POST"


class Faulty:
    """Fails in a way that nobody foresaw."""

    version = "faulty"

    def classify(self, texts: Any) -> Any:
        raise ZeroDivisionError("secret inside")


def test_a_mistake_of_ours_tells_nothing_of_the_inside(core: Core) -> None:
    services = new_services(core)
    object.__setattr__(services, "classifier", Faulty())
    with serve(services, core) as service:
        answer = service.post("/v1/moderations", {"input": "x"})
    assert answer.status_code == 500 and "secret" not in answer.text
    assert answer.json()["error"]["code"] == "internal_error"
    assert answer.headers["x-request-id"]


def test_a_database_that_fails_is_503(service: ChatService) -> None:
    with service.core.store.engine.connect() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE feedback"))
        connection.commit()
    answer = service.get("/v1/feedback")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
    assert "feedback" not in answer.json()["error"]["message"]


def test_a_full_disk_loses_the_request_and_nothing_else(service: ChatService) -> None:
    before = service.ask("Kept")
    with service.core.store.engine.connect() as connection:
        pages = connection.execute(sqlalchemy.text("PRAGMA page_count")).scalar_one()

    def full(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    sqlalchemy.event.listen(service.core.store.engine, "checkout", full)
    answers = [service.chat("x" * 20_000, max_tokens=1) for _ in range(3)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused and all(answer.status_code == 507 for answer in refused)
    assert refused[0].json()["error"]["code"] == "disk_full"
    sqlalchemy.event.remove(service.core.store.engine, "checkout", full)
    service.core.store.engine.dispose()
    assert service.conversation(before)["messages"][0]["content"] == "Kept"
    assert service.ask("Works again")["choices"][0]["finish_reason"] == "stop"


def test_a_full_disk_makes_the_service_not_ready(
    service: ChatService, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(service.core.settings.data)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4096))
    full = service.get("/readyz")
    assert full.status_code == 503
    assert str(service.core.settings.data) in full.json()["problem"]
    monkeypatch.undo()
    assert service.get("/readyz").status_code == 200


def test_no_space_outside_the_database_is_507_too() -> None:
    for code in (errno.ENOSPC, errno.EDQUOT):
        error = as_api_error(OSError(code, os.strerror(code)))
        assert (error.status, error.detail.code) == (507, "disk_full")
    assert as_api_error(OSError(errno.EACCES, "denied")).status == 500


def test_an_unforeseen_error_has_no_details() -> None:
    assert "secret" not in as_api_error(RuntimeError("secret")).body["error"]["message"]
