"""Throughput of feedback, and whether a kill loses any.

    tutelage bench feedback --seconds 15 --json

The service runs as shipped, with SQLite in WAL mode and durable commits. Several connections post
thumbs on their own responses, each as soon as the last is stored. Then the service is killed with
SIGKILL, and every acknowledged rating (201) is looked up.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from common import base_policy, tell
from serving.serve import ServiceProcess, prepared
from sqlmodel import select

from tutelage.chat import conversations
from tutelage.composition import Core
from tutelage.tables import ApiKey, Feedback


def answers(core: Core, count: int) -> list[str]:
    """Ids of responses in conversations of the newest key's owner."""
    with core.store.write() as session:
        key = session.exec(select(ApiKey)).all()[-1]
        conversation = conversations.start(session, key.user_id, True)
        asked = conversations.append(session, conversation, None, "user", "A question?")
        return [
            conversations.append(session, conversation, asked.id, "assistant", f"Answer {n}.").id
            for n in range(count)
        ]


async def judge(
    client: httpx.AsyncClient, message_id: str, until: float, kept: dict[str, float]
) -> None:
    """Post one rating after another; ``kept`` gets id and seconds of each that was stored."""
    value = "up"
    while time.perf_counter() < until:
        began = time.perf_counter()
        value = "down" if value == "up" else "up"
        body = {"message_id": message_id, "kind": "thumbs", "value": value}
        try:
            found = await client.post("/v1/feedback", json=body)
        except httpx.HTTPError:
            return  # killed
        assert found.status_code == 201, found.text
        kept[found.json()["id"]] = time.perf_counter() - began


async def measure(core: Core, seconds: float, connections: int) -> dict[str, Any]:
    """Ratings per second and their latency; then the kill."""
    server = ServiceProcess(core, threads=2, moderation=False)
    try:
        await server.ready()
        judged = answers(core, connections)
        headers = {"authorization": f"Bearer {server.key}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
            await together(client, judged, 1.0)  # warms up
            kept = await together(client, judged, seconds)
            dying = asyncio.create_task(together(client, judged, 60))
            await asyncio.sleep(2)
            server.kill()
            acknowledged = await dying
    finally:
        await server.close()
    with core.store.read() as session:
        stored = {row.id for row in session.exec(select(Feedback)).all()}
    latencies = sorted(kept.values())
    return {
        "connections": connections,
        "per_second": round(len(kept) / seconds, 1),
        "median_ms": round(1000 * statistics.median(latencies), 1),
        "p99_ms": round(1000 * latencies[int(0.99 * len(latencies))], 1),
        "acknowledged_before_the_kill": len(acknowledged),
        "lost": len((set(kept) | set(acknowledged)) - stored),
    }


async def together(
    client: httpx.AsyncClient, judged: Sequence[str], seconds: float
) -> dict[str, float]:
    """One connection per response."""
    kept: dict[str, float] = {}
    until = time.perf_counter() + seconds
    await asyncio.gather(*(judge(client, each, until, kept) for each in judged))
    return kept


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print. Exit status 1: a rating was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        core, _ = prepared(Path(folder), base_policy())
        result = asyncio.run(measure(core, options.seconds, options.connections))
    tell(result, options.json)
    raise SystemExit(1 if result["lost"] else 0)


if __name__ == "__main__":
    main()
