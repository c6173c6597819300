"""Many concurrent streams for minutes, with disconnecting clients and policy swaps.

    tutelage bench soak --streams 64 --minutes 5 --json

The service runs as shipped on two copies of the base policy, which replace each other regularly.
Each stream sends its next prompt as soon as the last response ends; one in four disconnects midway.
The result counts responses that were refused (429, 503), failed, were truncated, or were generated
by more than one policy. Memory is the service's resident set: the highest of the second quarter of
the time, and of the last.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from common import base_policy, tell
from serving.serve import ServiceProcess, prepared, said, without_end

from tutelage.composition import Core
from tutelage.policies import deployment

POLICIES = ("policy-0000", "policy-0001")
HANGS_UP = 0.25
TOKENS = 48
REFUSED = (429, 503)


@dataclass
class Tally:
    """How the responses ended, and the memory of the service."""

    ends: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    swaps: int = 0
    memory: list[int] = field(default_factory=list)  # bytes, once a second

    def note(self, end: str, said: str = "") -> None:
        """Count one response."""
        self.ends[end] += 1
        if end in ("failed", "cut", "mixed"):
            self.failures.append(f"{end}: {said}"[:300])

    def result(self) -> dict[str, Any]:
        """The figures."""
        quarter = len(self.memory) // 4
        early, late = max(self.memory[quarter : 2 * quarter]), max(self.memory[-quarter:])
        return {
            "answers": dict(self.ends),
            "policies": dict(self.policies),
            "swaps": self.swaps,
            "memory_mb": {"second_quarter": early >> 20, "last_quarter": late >> 20},
            "memory_growth": round(late / early - 1, 3),
            "failures": self.failures[:5],
        }


async def person(client: httpx.AsyncClient, tally: Tally, until: float, seed: int) -> None:
    """One stream after another; after a refusal a pause, as Retry-After says."""
    chance = random.Random(seed)
    while time.monotonic() < until:
        stays = chance.random() >= HANGS_UP
        try:
            end = await answer(client, tally, f"Say {seed}.", None if stays else chance.random())
        except httpx.HTTPError as error:
            tally.note("failed", repr(error))
            end = "failed"
        if end == "refused":
            await asyncio.sleep(2)


async def answer(client: httpx.AsyncClient, tally: Tally, prompt: str, leave: float | None) -> str:
    """Read one response, or disconnect after this share of it; how it ended."""
    body = {"model": "tutelage", "messages": said(prompt), "stream": True, "max_tokens": TOKENS}
    policies: set[str] = set()
    ended, last, chunks = False, "", 0
    async with client.stream("POST", "/v1/chat/completions", json=body) as stream:
        if stream.status_code != 200:
            end = "refused" if stream.status_code in REFUSED else "failed"
            tally.note(end, str(stream.status_code))
            return end
        async for line in filter_data(stream):
            last, chunks = line, chunks + 1
            if line == "[DONE]":
                break
            chunk = json.loads(line)
            policies.add(chunk.get("system_fingerprint", "?"))
            ended = ended or any(each["finish_reason"] for each in chunk.get("choices", ()))
            if leave is not None and chunks > leave * 6:
                tally.note("left")
                return "left"
    end = "mixed" if len(policies) > 1 else "whole" if ended and last == "[DONE]" else "cut"
    tally.note(end, last)
    tally.policies.update(policies)
    return end


async def filter_data(stream: httpx.Response) -> Any:
    """The data of each event."""
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield line[6:]


async def swap(core: Core, tally: Tally, every: float) -> None:
    """Promote the other policy, again and again."""
    while True:
        await asyncio.sleep(every)
        tally.swaps += 1
        with core.store.write() as session:
            deployment.promote(session, POLICIES[tally.swaps % 2], "benchmark")


async def weigh(pid: int, tally: Tally) -> None:
    """Record the service's memory every second."""
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        tally.memory.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page)
        await asyncio.sleep(1)


async def soak(core: Core, options: argparse.Namespace) -> dict[str, Any]:
    """Start the service and run all streams."""
    server = ServiceProcess(core, options.threads, moderation=True)
    tally = Tally()
    try:
        await server.ready()
        headers = {"authorization": f"Bearer {server.key}"}
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=server.url, headers=headers, timeout=300, limits=limits
        ) as client:
            until = time.monotonic() + 60 * options.minutes
            people = [person(client, tally, until, seed) for seed in range(options.streams)]
            beside = [asyncio.create_task(weigh(server.pid, tally))]
            beside += [asyncio.create_task(swap(core, tally, options.swap_every))]
            await asyncio.gather(*people)
            for task in beside:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
    finally:
        await server.close()
    return {"streams": options.streams, "minutes": options.minutes, **tally.result()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print. Exit status 1: a response failed, was truncated, or was mixed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--swap-every", type=float, default=30.0, help="seconds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        core, policy = prepared(Path(folder), base_policy())
        core.library.publish(POLICIES[1], lambda copy: without_end(policy, copy), {})
        with core.store.write() as session:
            digest = core.library.manifest_sha256(POLICIES[1])
            deployment.register(session, POLICIES[1], digest)
        result = asyncio.run(soak(core, options))
    tell(result, options.json)
    raise SystemExit(1 if result["failures"] else 0)


if __name__ == "__main__":
    main()
