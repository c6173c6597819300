"""Rate limits: requests and tokens a minute, by key and by address."""

import pytest
from chat_service import new_services, serve

from server.http.errors import ApiError
from server.http.rate_limit import RateLimits, open_storage
from tutelage.composition import Core
from tutelage.errors import Invalid
from tutelage.settings import Settings


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
    limits = RateLimits(open_storage("memory://"), Settings(rate_limit=0, token_limit=10))
    assert [limits.take("me") for _ in range(50)] == [{}] * 50
    limits.use_tokens("me", 1000)
    assert limits.require_tokens("me") == {}


def test_replicas_that_share_a_storage_share_the_limit() -> None:
    storage = open_storage("memory://")
    replicas = [RateLimits(storage, Settings(rate_limit=4, token_limit=10)) for _ in range(2)]
    for replica in (*replicas, *replicas):
        replica.take("ada")
    replicas[0].use_tokens("ada", 10)
    for replica in replicas:
        with pytest.raises(ApiError, match="4 requests"):
            replica.take("ada")
        with pytest.raises(ApiError, match="10 tokens"):
            replica.require_tokens("ada")


def test_a_storage_that_is_away_is_503(core: Core) -> None:
    url = "redis://127.0.0.1:1"
    with serve(new_services(core, rate_limit=5, limits_url=url), core) as service:
        answer = service.get("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "limits_unavailable")
    assert answer.headers["retry-after"]


def test_a_wrong_storage_is_said(core: Core) -> None:
    with pytest.raises(Invalid, match="TUTELAGE_LIMITS_URL"):
        open_storage("nowhere://")
