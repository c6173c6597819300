"""The effect of a running iteration on chat: the time between tokens.

    tutelage bench beside-training --json

The service and a worker run as shipped (`tutelage serve`, `tutelage worker`) on the same cores.
Responses are streamed one after another, first alone, then while the worker runs an iteration on
made-up rankings, whose content does not matter here. Moderation is off, because it releases text
window by window. The worker gives its iteration a lower priority; the benchmark measures whether
the system honours that. The iteration is interrupted once there are enough figures.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from common import base_policy, tell
from quick import ranked
from serving.serve import CORES, ServiceProcess, prepared, said, shipped_prompts

from training.iteration.run import request_iteration
from tutelage.composition import Core
from tutelage.iterations import iterations
from tutelage.people import people
from tutelage.tables import IterationState

RANKINGS = 100
TOKENS = 64  # of each answer


def judged(core: Core) -> None:
    """Stores enough rankings for an iteration."""
    prompts = shipped_prompts()
    with core.store.write() as session:
        person = people.create_user(session, "ada", training=True)
        for prompt in (next(prompts) for _ in range(RANKINGS)):
            texts = [f"{prompt[: 40 * n]} Yes." for n in range(1, 5)]
            ranked(session, person, prompt, texts, lambda text: -float(len(text)))


async def gaps(client: httpx.AsyncClient, prompts: Any, seconds: float) -> list[float]:
    """Seconds between the tokens of responses, streamed one after another."""
    found: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        asked = {"model": "tutelage", "messages": said(next(prompts)), "max_tokens": TOKENS,
                 "stream": True}  # fmt: skip
        last = None
        async with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
            async for line in answer.aiter_lines():
                if '"content":' in line and '"role"' not in line:
                    now = time.perf_counter()
                    found += [now - last] if last else []
                    last = now
    return found


def described(found: Sequence[float]) -> dict[str, float]:
    """Milliseconds between tokens."""
    cuts = statistics.quantiles(found, n=100)
    named = {"median_ms": cuts[49], "p95_ms": cuts[94], "p99_ms": cuts[98]}
    return {name: round(1000 * value, 1) for name, value in named.items()} | {"tokens": len(found)}


async def training(core: Core, iteration_id: str) -> None:
    """Waits until the worker has finished the snapshot."""
    folder = core.iteration(iteration_id)
    while not folder.snapshot_digest.exists():
        with core.store.read() as session:
            state = iterations.get(session, iteration_id).state
        assert state in (IterationState.QUEUED, IterationState.RUNNING), f"it is {state} already"
        await asyncio.sleep(0.5)


async def measure(core: Core, options: argparse.Namespace) -> dict[str, Any]:
    """Measure alone, then during the iteration."""
    judged(core)
    prompts = shipped_prompts()
    server = ServiceProcess(core, threads=len(CORES), moderation=False)
    worker = None
    try:
        await server.ready()
        headers = {"authorization": f"Bearer {server.key}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=120) as client:
            await gaps(client, prompts, 3)  # warms up
            alone = await gaps(client, prompts, options.seconds)
            iteration = request_iteration(core, options.preset, "benchmark")
            worker = subprocess.Popen(
                [sys.executable, "-m", "tutelage", "worker", "--while-input"],
                env=os.environ | {"TUTELAGE_DATA": str(core.settings.data)},
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            await training(core, iteration.id)
            beside = await gaps(client, prompts, options.seconds)
            with core.store.read() as session:
                running = iterations.get(session, iteration.id).state == IterationState.RUNNING
    finally:
        if worker:
            worker.communicate()  # its input ends: it gives the iteration back
        await server.close()
    ratio = statistics.median(beside) / statistics.median(alone)
    return {
        "alone": described(alone), "beside": described(beside), "median_ratio": round(ratio, 2),
        "still_running": running,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print. Exit status 1: the iteration ended too early."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each side")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        core, _ = prepared(Path(folder), base_policy())
        result = asyncio.run(measure(core, options))
    tell(result, options.json)
    raise SystemExit(0 if result["still_running"] else 1)


if __name__ == "__main__":
    main()
