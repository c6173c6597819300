"""Following the store: again and again, also after a failure, until cancelled."""

import asyncio
import logging
from pathlib import Path

import pytest
from chat_service import new_services, promote, publish, serve

from server.follow import follow
from tutelage.composition import Core, open_core
from tutelage.settings import Settings


def test_a_failure_is_logged_and_the_next_call_tries_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[int] = []
    succeeded: list[str] = []

    async def refresh() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("out of order")

    async def run() -> None:
        following = asyncio.create_task(follow("thing", 0.0, refresh, succeeded.append))
        while len(calls) < 3:
            await asyncio.sleep(0)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert caplog.text.count("Refreshing the thing failed") == 1
    assert succeeded == ["thing"] * (len(calls) - 1)


def test_a_replica_with_an_empty_folder_serves_what_is_in_object_storage(
    artifacts: str, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'tutelage.db'}"

    def machine(name: str) -> Core:
        return open_core(
            Settings(data=tmp_path / name, database_url=database, artifacts=artifacts, rate_limit=0)
        )

    one, two = machine("one"), machine("two")
    publish(one, "policy-0000")
    promote(one, "policy-0000")
    with serve(new_services(two), two) as service:
        assert service.get("/readyz").status_code == 200
        assert service.ask()["model"] == "policy-0000"
        assert service.get("/v1/feedback", "user").status_code == 200
        shown = service.get("/v1/operator/policies/policy-0000", "operator").json()
        assert shown["card"] == "# policy-0000\n"
    for core in (one, two):
        core.store.close()
