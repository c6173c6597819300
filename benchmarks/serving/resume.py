"""Turns that are resumed: pages that reload and lose the network, processes that are killed.

    tutelage bench resume --json
    tutelage bench resume --turns 40 --kill-every 10

Two processes of the service share a data folder. Guests ask; each page closes at a random moment
and watches its turn again, by either process, once or twice, from where it was. Every so many turns
the process that writes is killed with SIGKILL and started again. A turn is resumed if the pieces
that the page saw are, joined, the stored response, and if the page was told of its end. What a
killed process was writing ends as broken off, with the text as the process last saved it: the
stored response is then the beginning of what the page saw, and what is missing is reported.
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from common import tell

from training.demo.service import Service
from training.demo.simulated_users import shipped_prompts
from tutelage.composition import open_core
from tutelage.policies.base import ensure_base
from tutelage.settings import Settings

TOKENS = 96
PATIENCE = 60.0  # seconds in which a killed process is back


class ResumingPage:
    """A guest's browser before two processes of one service."""

    def __init__(self, replicas: list[Service]) -> None:
        self.replicas = replicas
        self.client = httpx.Client(timeout=PATIENCE)
        self.client.post(f"{replicas[0].url}/v1/session", json={}, headers=self.from_(0))

    def from_(self, replica: int) -> dict[str, str]:
        return {"origin": self.replicas[replica].url}

    def ask(self, text: str, leaves_after: int) -> tuple[str, str]:
        """Begin a turn at the first process and leave after some pieces; its place and the text."""
        url, body = f"{self.replicas[0].url}/v1/chat/completions", request(text)
        place, shown = "", ""
        with self.client.stream("POST", url, json=body, headers=self.from_(0)) as response:
            response.raise_for_status()
            for n, chunk in enumerate(events(response)):
                if n == 0:
                    chat = chunk["tutelage"]["conversation_id"]
                    place = f"/v1/conversations/{chat}/turns/{chunk['id']}/events"
                shown += "".join(c["delta"].get("content") or "" for c in chunk["choices"])
                if n >= leaves_after:
                    break
        return place, shown

    def watch(self, place: str, shown: str, replica: int, leaves_after: int) -> tuple[str, str]:
        """Watch a turn from where the page was; the text then, and how the turn ended, or ""."""
        url, at = self.replicas[replica].url + place, {"after": str(len(shown))}
        with self.client.stream("GET", url, params=at, headers=self.from_(replica)) as response:
            response.raise_for_status()
            for n, event in enumerate(events(response)):
                shown += event["responses"][0]["text"]
                if event["ended"]:
                    return shown, event["responses"][0]["finish_reason"]
                if n >= leaves_after:
                    break
        return shown, ""

    def stored(self, place: str) -> tuple[str, str]:
        """What the conversation says: the response and how it ended."""
        chat = place.split("/turns/")[0]
        found = self.client.get(self.replicas[1].url + chat, headers=self.from_(1)).json()
        last = found["messages"][-1]
        return last["content"], last["finish_reason"]


def request(text: str) -> dict[str, Any]:
    said = [{"role": "user", "content": text}]
    return {"model": "tutelage", "stream": True, "max_tokens": TOKENS, "messages": said}


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def resumed(
    page: ResumingPage, text: str, chance: random.Random, kill: bool
) -> tuple[str, str, int]:
    """How one turn ended, what the page saw wrong, or "", and the characters that a kill lost."""
    place, shown = page.ask(text, chance.randrange(6))
    if kill:
        page.replicas[0].restart()
    end, began = "", time.monotonic()
    while not end and time.monotonic() - began < PATIENCE:
        replica = chance.randrange(2)
        try:
            shown, end = page.watch(place, shown, replica, chance.randrange(1, 6))
        except httpx.TransportError:
            time.sleep(0.5)
    content, reason = page.stored(place)
    kept = shown.startswith(content) if kill else content == shown
    right = kept and reason == end
    wrong = "" if right else f"saw {shown!r} ({end}), stored {content!r} ({reason})"
    return end, wrong, len(shown) - len(content)


def measure(folder: Path, turns: int, kill_every: int, seed: int) -> dict[str, Any]:
    core = open_core(Settings(data=folder, rate_limit=0))
    ensure_base(core.store, core.library, core.settings.base_model)
    chance, prompts, ends, wrong = random.Random(seed), shipped_prompts(), Counter[str](), []
    unsaved = []  # characters, by kill
    with (
        Service(core.settings, folder / "here.log") as here,
        Service(core.settings, folder / "there.log") as there,
    ):
        for n in range(turns):
            kill = kill_every > 0 and n % kill_every == kill_every - 1
            end, problem, lost = resumed(
                ResumingPage([here, there]), prompts[n % len(prompts)].text, chance, kill
            )
            ends[f"killed, {end}" if kill else end or "no end"] += 1
            unsaved += [lost] if kill else []
            if problem:
                wrong.append(problem)
                print(f"\r{n + 1}: {problem}")
            print(f"\r{n + 1} of {turns}, {len(wrong)} wrong  ", end="", flush=True)
    core.store.close()
    print()
    found = {"resumed": f"{turns - len(wrong)} of {turns}", **ends, "wrong": wrong[:5]}
    return found | {"characters lost at each kill": unsaved}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--kill-every", type=int, default=10, help="0: never")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="also print JSON, on the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tell(measure(Path(folder), options.turns, options.kill_every, options.seed), options.json)


if __name__ == "__main__":
    main()
