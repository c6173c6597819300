"""Following the store: again and again, also after a failure, until cancelled."""

import asyncio
import logging

import pytest

from server.follow import follow


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
