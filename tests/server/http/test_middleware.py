"""What every answer has: ids, security headers, limits, and never the inside of a failure."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from chat_service import ChatService, new_services, serve
from fastapi.testclient import TestClient

from server.app import create_app
from server.http.errors import as_api_error
from server.http.rate_limit import RateLimits
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


BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nowhere", "/operatr/policies", "/c", "/v2/chat/x"])
def test_a_browser_gets_the_page_that_says_so(core: Core, tmp_path: Path, path: str) -> None:
    (tmp_path / "index.html").write_text("<title>The UI</title>")
    with TestClient(create_app(new_services(core), static=tmp_path)) as client:
        shown = client.get(path, headers=BROWSER)
        told = client.get(path, headers={"accept": "application/json"})
        api = client.get("/v1/nothing", headers=BROWSER)
    assert (shown.status_code, shown.text) == (404, "<title>The UI</title>")
    for answer in (told, api):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


def test_another_method_is_405(shared: ChatService) -> None:
    answer = shared.get("/v1/moderations")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
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
    assert refused and all(answer.status_code == 503 for answer in refused)
    assert refused[0].json()["error"]["code"] == "database_unavailable"
    sqlalchemy.event.remove(service.core.store.engine, "checkout", full)
    service.core.store.engine.dispose()
    assert service.conversation(before)["messages"][0]["content"] == "Kept"
    assert service.ask("Works again")["choices"][0]["finish_reason"] == "stop"


def test_an_unforeseen_error_has_no_details() -> None:
    assert "secret" not in as_api_error(RuntimeError("secret")).body["error"]["message"]


def test_over_the_limit_is_429_with_when_to_return(core: Core) -> None:
    with serve(new_services(core, rate_limit=2), core) as service:
        first, second, third = (service.get("/v1/models") for _ in range(3))
        other = service.get("/v1/models", "other")
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in (first, second)] == [
        "1", "0",
    ]  # fmt: skip
    assert (third.status_code, third.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(third.headers["retry-after"]) <= 61
    assert third.headers["x-ratelimit-remaining-requests"] == "0"
    assert other.status_code == 200


def test_guessing_keys_is_limited_by_address(core: Core) -> None:
    with serve(new_services(core, rate_limit=3), core) as service:
        wrong = [
            service.client.get("/v1/models", headers={"authorization": f"Bearer tk-{n}"})
            for n in range(5)
        ]
    assert [answer.status_code for answer in wrong] == [401, 401, 401, 429, 429]


def test_tokens_of_a_minute_are_limited_too(core: Core) -> None:
    with serve(new_services(core, rate_limit=100, token_limit=12), core) as service:
        first, second, third = (service.chat("One two three four") for _ in range(3))
        other = service.chat("Hello", "other")
    left = [each.headers["x-ratelimit-remaining-tokens"] for each in (first, second, third)]
    assert left == ["12", "3", "0"]  # four words in, four and their end out
    assert [each.status_code for each in (first, second, third, other)] == [200, 200, 429, 200]
    assert third.json()["error"]["code"] == "rate_limit_exceeded"
    assert "12 tokens" in third.json()["error"]["message"] and third.headers["retry-after"]
    assert first.headers["x-ratelimit-limit-tokens"] == "12"


def test_zero_switches_limits_off() -> None:
    limits = RateLimits(0, 10)
    assert [limits.take("me") for _ in range(50)] == [{}] * 50
    limits.use_tokens("me", 1000)
    assert limits.require_tokens("me") == {}


def test_metrics_count(service: ChatService) -> None:
    done = service.ask("one two", n=2)
    service.post("/v1/feedback", {"kind": "thumbs", "completion_id": done["id"], "value": "up"})
    service.ask("A threatword")
    text = service.client.get("/metrics").text
    for line in (
        'tutelage_requests_total{method="POST",route="/v1/chat/completions",status="200"} 2.0',
        'tutelage_tokens_total{side="response"} 6.0',
        'tutelage_tokens_total{side="prompt"} 2.0',
        'tutelage_moderation_actions_total{action="block",side="prompt"} 1.0',
        'tutelage_feedback_total{kind="thumbs"} 1.0',
        "tutelage_first_token_seconds_count 2.0",
        "tutelage_turns_running 0.0",
        'tutelage_policy_loads_total{outcome="ok"} 1.0',
    ):
        assert line in text


def test_docs_need_neither_scripts_nor_the_network(shared: ChatService) -> None:
    page = shared.client.get("/docs").text
    assert "/v1/chat/completions" in page and "ChatCompletionRequest" in page
    assert "<script" not in page and "http://" not in page and "https://" not in page


@pytest.fixture
def built(core: Core, tmp_path: Path) -> Any:
    """A service with a built web UI."""
    from fastapi.testclient import TestClient

    from server.app import create_app

    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>tutelage</title>")
    (static / "assets" / "main-1a2b.js").write_text("1")
    (static / ".hidden").write_text("hidden")
    (tmp_path / "outside.txt").write_text("outside")
    with TestClient(create_app(new_services(core), static)) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/c/conv_1", "/operator", "/operator/iterations/x", "/sign-in?token=x"]
)
def test_the_ui_draws_its_own_addresses(built: Any, path: str) -> None:
    answer = built.get(path)
    assert answer.status_code == 200 and "<title>tutelage" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


def test_built_files_are_cached_for_good(built: Any) -> None:
    answer = built.get("/assets/main-1a2b.js")
    assert answer.text == "1" and "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/.hidden", "/..%2foutside.txt", "/assets/..%2f..%2foutside.txt"])
def test_nothing_else_is_served(built: Any, path: str) -> None:
    assert built.get(path).status_code == 404


def test_without_a_built_ui_the_page_says_how_to_build_it(core: Core, tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from server.app import create_app

    with TestClient(create_app(new_services(core), tmp_path / "none")) as client:
        answer = client.get("/")
    assert answer.status_code == 503 and "make setup" in answer.text
