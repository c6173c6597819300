"""How evenly a slow, moderated response reaches a client: the gaps between two pieces of its text.

    tutelage bench flow --json

The whole service over HTTP, with the shipped filter and rules, which block; in place of a policy an
engine that writes the shipped prompts, so many words a second. All responses must be clean. First
text: from the request on, and after the tenth word, which is when the filter can say something.
"""

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from common import base_policy, tell

from moderation.classifiers.factory import open_classifier
from moderation.rules import ModerationRules
from server.generators.echo import EchoGenerator
from server.process import Server
from server.services import Services
from tutelage.composition import open_core
from tutelage.labeling.labeling import prompt_set
from tutelage.people import people
from tutelage.policies.base import ensure_base
from tutelage.settings import Settings

WORDS = 100  # of a response
TENTH = 10


def responses(count: int) -> list[str]:
    """Shipped prompts in a row, as texts of that many words."""
    words = itertools.cycle(" ".join(prompt_set()).split())
    return [" ".join(itertools.islice(words, WORDS)) for _ in range(count)]


async def pieces(client: httpx.AsyncClient, text: str) -> list[float]:
    """When each piece of the response came, in seconds after the request."""
    asked = {"model": "tutelage", "stream": True, "messages": [{"role": "user", "content": text}]}
    began, times, said = time.perf_counter(), list[float](), ""
    async with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
        async for line in answer.aiter_lines():
            chunk = json.loads(line[6:]) if line.startswith("data: {") else {}
            for choice in chunk.get("choices", ()):
                if new := choice["delta"].get("content"):
                    times.append(time.perf_counter() - began)
                    said += new
    assert said == text, f"not clean: {said!r}"
    return times


async def measure(rate: float, streams: int, rounds: int) -> dict[str, Any]:
    """Gaps and first texts over all responses, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        core = open_core(Settings(data=Path(folder), port=0, rate_limit=0, loop_tokens=0))
        ensure_base(core.store, core.library, str(base_policy()))
        with core.store.write() as session:
            user = people.create_user(session, "benchmark")
            key = people.create_key(session, user, "benchmark", actor="cli")[1]
        engine = EchoGenerator(policy_id=None, delay=1 / rate)
        services = Services(
            core.settings, core.store, core.library, core.iterations, engine,
            open_classifier(core.settings), ModerationRules.from_settings(""),
        )  # fmt: skip
        listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        server = Server(services, lambda port, _state: listening.set_result(port))
        serving = asyncio.create_task(server.serve())
        url, bearer = f"http://127.0.0.1:{await listening}", {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=bearer, timeout=None) as client:
            await pieces(client, responses(1)[0])
            texts = iter(responses(streams * rounds))
            found = [
                await asyncio.gather(*(pieces(client, next(texts)) for _ in range(streams)))
                for _ in range(rounds)
            ]
        server.should_exit = True
        await serving
    times = [each for one in found for each in one]
    gaps = [b - a for each in times for a, b in itertools.pairwise(each)]
    firsts = [each[0] for each in times]
    return {
        "streams": streams,
        "gap_median": round(float(np.median(gaps)), 3),
        "gap_p95": round(float(np.quantile(gaps, 0.95)), 3),
        "gap_largest": round(max(gaps), 3),
        "first_text_median": round(float(np.median(firsts)), 3),
        "first_text_after_tenth_word": round(float(np.median(firsts)) - TENTH / rate, 3),
        "pieces": round(len(gaps) / len(times) + 1, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=10.0, help="words a second")
    parser.add_argument("--streams", type=int, default=1, help="responses at once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tell(asyncio.run(measure(options.rate, options.streams, options.rounds)), options.json)


if __name__ == "__main__":
    main()
