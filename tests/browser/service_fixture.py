"""A service with believable content for the browser: scripted answers, policies, iterations."""

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from moderation.classifier import KeywordClassifier
from moderation.rules import ModerationRules
from server.app import create_app
from server.generators.echo import EchoGenerator
from server.services import Services
from tutelage.composition import Core, open_core
from tutelage.iterations import iterations
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.settings import Settings
from tutelage.tables import IterationState, PolicyState, PolicyVersion, Role

WORDS = {"vileword": "hate", "threatword": "hate/threatening", "lewdword": "sexual"}

VACCINES = "Explain how vaccines work to a ten-year-old, in five sentences."
SPEED = "How can I make this Python loop faster?"
TEA = "How long should green tea steep?"
STORY = "Tell me a very long story."

ANSWERS: dict[str, list[str]] = {
    VACCINES: [
        "Your body has a team of guards called the **immune system**. A vaccine shows them a "
        "harmless picture of a germ. The guards practise until they know that picture by heart. "
        "When the real germ comes one day, they recognise it at once. So they stop it before it "
        "can make you ill.",
        "A vaccine is like a fire drill for your body. It pretends that a germ has come in, but "
        "the germ is weak or only a small piece of one. Your body practises how to fight it. "
        "Later, when a strong germ comes, nobody panics. Everybody knows what to do.",
        "Vaccines contain antigens which elicit an adaptive immune response by priming memory B "
        "and T lymphocytes.",
        "Good question! Vaccines are very important. Many people get them. They work in the body. "
        "You should ask a doctor about vaccines.",
    ],
    SPEED: [
        "Move the work out of the loop, and let a comprehension do the rest:\n\n```python\n"
        "def squares(numbers: list[int]) -> list[int]:\n    limit = max(numbers)  # once, not "
        "once per number\n    return [n * n for n in numbers if n < limit]\n```\n\n"
        "| Version | 1 million numbers |\n|---|---|\n| your loop | 184 ms |\n"
        "| this one | 61 ms |\n\n"
        "Two things matter here:\n\n1. `max(numbers)` was computed again for every number.\n"
        "2. A comprehension avoids the call of `append`.\n\nIf the list is much longer than that, "
        "try **NumPy**.",
    ],
    TEA: [
        "Two to three minutes, in water of about 75 °C. Boiling water makes it bitter.",
        "Steep it for two minutes, taste it, and go on to three if you like it stronger.",
    ],
    STORY: [" ".join(f"Once upon a time there was chapter {n}." for n in range(1, 400))],
}

_LATIN = "Thank you. Here is what I would say about that: **{}**"

CARD = """\
# {id}

Fine-tuned from SmolLM2-135M-Instruct on what people said in {id}'s iteration.

| Measure | Before | After |
|---|---|---|
| Held-out score | -0.42 | **0.31** |
| Win rate | | 0.71 (0.62 to 0.79) |
| KL from the reference policy | | 6.8 nats |
| Mean words of an answer | 78 | 41 |

## What it is not good at

- **Facts.** It is small and often wrong; it does not say so by itself.
- **Rephrasing.** The same question in other words is answered differently in 3 of 10 cases.
"""


class Scripted:
    """Answers from the script in turn, so that alternatives differ; else says the text back."""

    def __init__(self, answers: Mapping[str, Sequence[str]]) -> None:
        self._answers = answers
        self._asked: Counter[str] = Counter()

    def __call__(self, messages: Sequence[Mapping[str, str]]) -> str:
        prompt = messages[-1]["content"]
        answers = self._answers.get(prompt, [_LATIN.format(prompt)])
        self._asked[prompt] += 1
        return answers[(self._asked[prompt] - 1) % len(answers)]


@dataclass
class RunningService:
    """A running service, and the means to change what it shows."""

    core: Core
    address: str

    def sign_in_link(self, role: Role = Role.OPERATOR, name: str = "Operator") -> str:
        """The path of a one-time sign-in link of somebody, who is made where they are new."""
        with self.core.store.write() as session:
            user = people.find_user(session, name, role)
            user = user or people.create_user(session, name, role)
            return f"/sign-in?token={people.create_link(session, user)}"


def measures(gain: float, win_rate: float, kl: float, words: float) -> dict[str, Any]:
    """What an evaluation finds, as an iteration and a manifest hold it."""
    current = {"score": -0.42, "words": 78.0, "empty": 0.0, "finished": 0.61, "repetition": 0.07,
               "distinct_2": 0.71, "flagged": 0.01}  # fmt: skip
    candidate = current | {"score": gain - 0.42, "words": words, "finished": 0.97}
    return {
        "current": current,
        "candidate": candidate,
        "gain": {"mean": gain, "low": gain - 0.22, "high": gain + 0.21},
        "win_rate": {"mean": win_rate, "low": win_rate - 0.09, "high": win_rate + 0.08},
        "kl": kl,
        "ppo": {"kept_update": 9, "updates": 12},
        "stages": {
            name: {"seconds": seconds, "peak_memory_mb": 2100.0}
            for name, seconds in (("snapshot", 0.3), ("sft", 74.0), ("reward_model", 91.0),
                                  ("ppo", 338.0), ("evaluation", 52.0))
        },
    }  # fmt: skip


FIRST = measures(gain=0.41, win_rate=0.64, kl=4.2, words=58.0)
SPOILT = measures(gain=-0.35, win_rate=0.38, kl=17.9, words=9.0)
THIRD = measures(gain=0.73, win_rate=0.71, kl=6.8, words=41.0)


def publish(
    core: Core,
    policy_id: str,
    parent: str | None = None,
    iteration: str | None = None,
    metrics: dict[str, Any] | None = None,
) -> None:
    """A policy with a card and measures."""

    def build(directory: Path) -> None:
        (directory / "card.md").write_text(CARD.format(id=policy_id))

    lineage: dict[str, Any] = {"parent": parent, "iteration": iteration, "metrics": metrics or {}}
    core.library.publish(policy_id, build, lineage)
    with core.store.write() as session:
        digest = core.library.manifest_sha256(policy_id)
        deployment.register(session, policy_id, digest, parent, iteration)


def add_policies(core: Core) -> None:
    """A base policy and three that were learned: one retired, one refused, one current."""
    publish(core, "policy-0000")
    publish(core, "policy-0001", "policy-0000", "iteration-0001", FIRST)
    publish(core, "policy-0002", "policy-0001", "iteration-0002", SPOILT)
    publish(core, "policy-0003", "policy-0001", "iteration-0003", THIRD)
    with core.store.write() as session:
        for policy_id in ("policy-0000", "policy-0001", "policy-0003"):
            deployment.promote(session, policy_id, "system")
        refused = session.get(PolicyVersion, "policy-0002")
        assert refused is not None
        refused.state = PolicyState.REJECTED
        session.add(refused)


def add_iterations(core: Core) -> None:
    """Two that passed, one that was refused, and one that practises right now."""
    passed = [
        "The held-out score rose, and the interval of the gain excludes zero.",
        "Most prompts are answered better, beyond chance.",
    ]
    refused = [
        "The KL of 17.9 nats is above the limit of 12.",
        "Answers have 9 words on average, 84% fewer than before.",
    ]
    _finished(core, "policy-0000", "policy-0001", passed, FIRST)
    _finished(core, "policy-0001", "policy-0002", refused, SPOILT)
    _finished(core, "policy-0001", "policy-0003", passed, THIRD)
    _running(core, "policy-0003")


def _finished(
    core: Core, parent: str, policy: str, reasons: list[str], metrics: dict[str, Any]
) -> None:
    passed = metrics["gain"]["mean"] > 0
    state = IterationState.PROMOTED if passed else IterationState.REFUSED
    seconds = sum(stage["seconds"] for stage in metrics["stages"].values())
    with core.store.write() as session:
        iteration = iterations.request(session, "quick", parent, policy, "operator")
        lease = iterations.lease(session, iteration.id, "worker")
        iteration.policy_id = policy
        decision = "promote" if passed else "refuse"
        iterations.finish(session, lease, state, decision, reasons, metrics)
        iteration.started_at = time.time() - 90_000 - seconds
        iteration.finished_at = iteration.started_at + seconds
        session.add(iteration)
        number = iteration.id
    write_curves(core, number, updates=13)


def _running(core: Core, parent: str) -> None:
    with core.store.write() as session:
        iteration = iterations.request(session, "quick", parent, "running", "operator")
        lease = iterations.lease(session, iteration.id, "worker")
        progress = {"stage": "ppo", "done": 8, "total": 13, "eta_seconds": 154.0}
        iterations.heartbeat(session, lease, progress)
        iteration.started_at = time.time() - 371
        session.add(iteration)
        number = iteration.id
    write_curves(core, number, updates=8)


def write_curves(core: Core, iteration: str, updates: int) -> None:
    """The metric files that the stages of an iteration leave behind."""
    sft = [{"epoch": 0.0, "loss/validation": 2.31}]
    sft += [
        {"epoch": float(n), "loss/train": 1.2 + 1.3 * 0.5**n, "loss/validation": 1.5 + 0.8 * 0.6**n}
        for n in range(1, 5)
    ]
    models = [
        {"model": name, "accuracy": accuracy, "longer_wins": longer, "comparisons": comparisons}
        for name, accuracy, longer, comparisons in (
            ("proxy", 0.713, 0.441, 412), ("held_out", 0.694, 0.447, 139),
            ("examination", 0.701, 0.447, 139),
        )
    ]  # fmt: skip
    folder = core.iterations / iteration
    _write(folder / "sft", sft)
    _write(folder / "reward_model", models)
    _write(folder / "ppo", [_update(n) for n in range(updates)])


def _update(n: int) -> dict[str, float]:
    noise = 0.08 * math.sin(n * 12.9)
    return {
        "update": n,
        "objective/scores": -0.4 + 0.17 * n + noise,
        "heldout/score": -0.42 + 0.75 * (1 - math.exp(-n / 4)) - 0.004 * n * n + noise / 2,
        "objective/kl": 0.09 * n * n**0.75 + abs(noise),
        "response/length": 78 - 4.1 * n + 12 * noise,
        "objective/entropy": 2.2 - 0.05 * n + noise / 3,
        "policy/clipfrac_avg": 0.11 + noise / 4,
        "policy/approxkl_avg": 0.02 + noise / 20,
        "loss/value_avg": 0.6 * 0.9**n,
    }


def _write(folder: Path, rows: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@contextmanager
def running(
    folder: Path, delay: float = 0.01, furnish: Callable[[Core], None] = add_policies
) -> Iterator[RunningService]:
    """The real application over fakes, on a free port; ``delay`` is in seconds a token."""
    core = open_core(Settings(data=folder, rate_limit=0, max_response_tokens=4000, loop_tokens=0))
    furnish(core)
    services = Services(
        settings=core.settings,
        store=core.store,
        library=core.library,
        iterations_folder=core.iterations,
        generator=EchoGenerator(Scripted(ANSWERS), policy_id=None, delay=delay),
        classifier=KeywordClassifier(WORDS),
        moderation=ModerationRules(),
    )
    config = uvicorn.Config(create_app(services), port=0, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("The server did not start.")
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield RunningService(core, f"http://127.0.0.1:{port}")
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        core.store.close()
