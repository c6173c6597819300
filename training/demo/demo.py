"""The demonstration: one iteration of learning from simulated users, through the API alone.

Simulated users with a stated preference chat with a real service and rate its responses. After one
iteration the same users rate both policies on unseen prompts. What is reported is their true
preference, which is hidden from the reward model and the gate.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from training.demo.preferences import PREFERENCES, Preference
from training.demo.service import Service
from training.demo.simulated_users import (
    DemoPrompt,
    DemoResponse,
    Habits,
    ask,
    shipped_prompts,
    teach,
)
from training.jobs.runners.local import LocalRunner
from training.reports import plots
from training.reports.report import example, figure, page, ppo_curves, table, tiles
from tutelage import atomic
from tutelage.composition import Core, open_core
from tutelage.errors import Conflict, Invalid
from tutelage.iterations import iterations
from tutelage.people import people
from tutelage.policies.base import ensure_base
from tutelage.settings import Settings
from tutelage.statistics import Interval, bootstrap, win_indicator
from tutelage.tables import Iteration, IterationState, Role

Say = Callable[[str, int, int], None]  # what is under way, done, total (0: unknown)

RESAMPLES = 5000
LOG, REPORT = "demo.log", "report.html"
EXAMPLES_SHOWN = 8


_DECIDED = (IterationState.PROMOTED, IterationState.UNDECIDED, IterationState.REFUSED)


@dataclass(frozen=True)
class Scale:
    """How much is done."""

    people: int = 6
    prompts: int = 80  # that they teach with
    test_prompts: int = 60  # held out of the teaching
    samples: int = 2  # answers to each of them that are judged
    preset: str = "quick"


@dataclass(frozen=True)
class PolicySummary:
    """One policy in the eyes of the people who taught."""

    policy_id: str
    preference: float  # mean over the unseen prompts
    words: float
    finished: float


@dataclass(frozen=True)
class Result:
    """What the demonstration found."""

    preference: str
    before: PolicySummary
    after: PolicySummary | None  # None: the gate refused, so nothing changed
    gain: Interval | None  # paired by prompt
    won: float | None  # share of prompts on which the new answers are liked better, ties half
    kl: float | None
    decision: str
    reasons: list[str]
    minutes: dict[str, float]  # of each step
    stage_minutes: dict[str, float]  # of each stage within the training
    report: Path

    @property
    def succeeded(self) -> bool:
        """Whether the people like the new answers better, beyond chance."""
        return self.gain is not None and self.gain.low > 0

    def summary(self) -> dict[str, Any]:
        """The line that ``tutelage demo --json`` ends with."""
        values = {
            name: vars(value) if isinstance(value, PolicySummary | Interval) else value
            for name, value in vars(self).items()
        }
        return values | {"report": str(self.report), "succeeded": self.succeeded}


def run_demo(
    preference: str,
    settings: Settings,
    scale: Scale = Scale(),
    say: Say = lambda what, done, total: None,
) -> Result:
    """Run the whole loop in ``settings.data``, which must be empty, and write its report there.

    Raises Invalid for an unknown preference or a folder that is in use, Unavailable when the
    service or the iteration cannot run; the folder is kept, with a log.
    """
    if preference not in PREFERENCES:
        known = ", ".join(PREFERENCES)
        raise Invalid(f"Unknown preference {preference!r}. Known: {known}.", "preference")
    if settings.data.is_dir() and any(settings.data.iterdir()):
        raise Invalid(f"{settings.data} is not empty. The demonstration needs an empty folder.")
    core = open_core(settings.model_copy(update={"artifacts": ""}))
    try:
        return _Demo(core, PREFERENCES[preference], scale, say).run()
    finally:
        core.store.close()


@dataclass
class _Demo:
    """The steps, in order, and how long each took."""

    core: Core
    preference: Preference
    scale: Scale
    say: Say
    minutes: dict[str, float] = field(default_factory=dict)

    def run(self) -> Result:
        """Everything, with the service up from the first question to the last."""
        with self.step("making the base policy"):
            ensure_base(self.core.store, self.core.library, self.core.settings.base_model)
        operator, keys = self.keys()
        with Service(self.core.settings, self.core.settings.data / LOG) as service:
            with self.step("answers before"):
                before = self.ask(service, operator)
            with self.step("teaching"):
                teach(service.url, keys, self.preference, self.taught, Habits(), self.say)
            with self.step("training"):
                iteration = self.train(service, operator)
            if iteration.policy_id is None:
                return self.result(iteration, before, [])
            with self.step("swapping the policy"):
                service.operate(f"/v1/operator/policies/{iteration.policy_id}/promote", operator)
                service.wait_for(iteration.policy_id)
            with self.step("answers after"):
                after = self.ask(service, operator)
        return self.result(iteration, before, after)

    @property
    def taught(self) -> list[DemoPrompt]:
        """The prompts that people teach with."""
        return shipped_prompts()[: self.scale.prompts]

    @property
    def unseen(self) -> list[DemoPrompt]:
        """The prompts that the policies are compared on."""
        start = self.scale.prompts
        return shipped_prompts()[start : start + self.scale.test_prompts]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say what begins and remember how long it took."""
        self.say(name, 0, 0)
        began = time.monotonic()
        yield
        self.minutes[name] = round((time.monotonic() - began) / 60, 2)
        self.say(name, 1, 1)

    def keys(self) -> tuple[str, list[str]]:
        """An operator's key and one for each person."""
        with self.core.store.write() as session:
            boss = people.create_user(session, "demo operator", Role.OPERATOR)
            _, operator = people.create_key(session, boss, "demo operator", training=False)
            keys = []
            for number in range(self.scale.people):
                person = people.create_user(session, f"simulated {number + 1}")
                keys.append(people.create_key(session, person, person.name)[1])
        return operator, keys

    def ask(self, service: Service, key: str) -> list[DemoResponse]:
        """The served policy's answers to the unseen prompts, which nothing may be learned from."""
        return ask(service.url, key, self.unseen, self.scale.samples, Habits(), self.say)

    def train(self, service: Service, operator: str) -> Iteration:
        """Request an iteration as an operator does, and run it in a process of its own."""
        body = {"preset": self.scale.preset}
        requested = service.operate("/v1/operator/iterations", operator, body)
        iteration_id = str(requested["id"])
        with (self.core.settings.data / LOG).open("ab") as log:
            runner = LocalRunner(self.core.settings, log)
            running = threading.Thread(target=runner.run, args=[iteration_id])
            running.start()
            try:
                self.watch(iteration_id, running)
            finally:
                runner.stop()
                running.join()
        iteration = self.iteration(iteration_id)
        if iteration.state not in _DECIDED:
            reasons = " ".join(iteration.reasons) or f"See {self.core.settings.data / LOG}."
            raise Conflict(f"{iteration_id} is {iteration.state}: {reasons}")
        return iteration

    def watch(self, iteration_id: str, running: threading.Thread) -> None:
        """Show the iteration's progress until its process ends."""
        while running.is_alive():
            running.join(1.0)
            progress = self.iteration(iteration_id).progress
            if progress:
                self.say(f"training: {progress['stage']}", progress["done"], progress["total"])

    def iteration(self, iteration_id: str) -> Iteration:
        with self.core.store.read() as session:
            return iterations.get(session, iteration_id)

    def result(
        self, iteration: Iteration, before: list[DemoResponse], after: list[DemoResponse]
    ) -> Result:
        """Judge both policies' answers and write the report."""
        gains = self.gains(before, after) if after else []
        stages = iteration.metrics.get("stages", {})
        result = Result(
            preference=self.preference.name,
            before=self.side(before),
            after=self.side(after) if after else None,
            gain=bootstrap(gains, RESAMPLES, 0) if gains else None,
            won=sum(win_indicator(gains)) / len(gains) if gains else None,
            kl=iteration.metrics.get("kl"),
            decision=str(iteration.decision),
            reasons=iteration.reasons,
            minutes=self.minutes,
            stage_minutes={name: round(cost["seconds"] / 60, 2) for name, cost in stages.items()},
            report=self.core.settings.data / REPORT,
        )
        curves = self.curves(iteration)
        atomic.write_text(result.report, _report(result, self.preference, curves, before, after))
        return result

    def curves(self, iteration: Iteration) -> str:
        """How PPO went, as HTML; empty where nothing was trained."""
        if not iteration.metrics:
            return ""
        folder = self.core.iteration(iteration.id)
        return ppo_curves(folder, iteration.metrics["ppo"]["kept_update"])

    def gains(self, before: list[DemoResponse], after: list[DemoResponse]) -> list[float]:
        """By how much each prompt's answers are liked better now."""
        earlier, now = self.by_prompt(before), self.by_prompt(after)
        return [now[prompt] - earlier[prompt] for prompt in earlier]

    def by_prompt(self, responses: list[DemoResponse]) -> dict[str, float]:
        """The mean preference of each prompt's answers."""
        return {
            prompt: _mean([self.preference.score(response.text) for response in group])
            for prompt, group in groupby(responses, key=lambda response: response.prompt.id)
        }

    def side(self, responses: list[DemoResponse]) -> PolicySummary:
        """How one policy's answers look."""
        return PolicySummary(
            policy_id=responses[0].policy_id,
            preference=_mean(list(self.by_prompt(responses).values())),
            words=_mean([len(response.text.split()) for response in responses]),
            finished=_mean([response.finished for response in responses]),
        )


def _report(
    result: Result, preference: Preference, curves: str,
    before: list[DemoResponse], after: list[DemoResponse],
) -> str:  # fmt: skip
    """The page: the gain, how both policies look, curves (HTML), examples, minutes."""
    title = f"Taught by users who prefer {preference.meaning}"
    subtitle = (
        "Simulated users chatted, ranked and edited through the API; then they rated both policies "
        "on unseen prompts."
    )
    sections = [
        ("Before and after", _sides(result)),
        ("Preference scores", _liked(preference, before, after)),
        ("PPO", curves),
        ("Responses side by side", _pairs(preference, before, after)),
        ("Minutes", table(("Step", "Minutes"), _minutes(result))),
    ]
    footer = "The iteration's own report is in iterations/iteration-0001."
    return page(title, subtitle, _headline(result), sections, footer)


def _headline(result: Result) -> str:
    if result.after is None or result.gain is None or result.won is None or result.kl is None:
        return tiles([(result.decision, "gate decision: " + " ".join(result.reasons))])
    return tiles(
        [
            (f"{result.before.preference:+.2f} → {result.after.preference:+.2f}", "preference"),
            (str(result.gain), "paired gain, 95 % interval"),
            (f"{result.won:.0%}", "win rate"),
            (f"{result.kl:.1f}", "KL from the reference, nats per response"),
        ]
    )


def _sides(result: Result) -> str:
    sides = [side for side in (result.before, result.after) if side]
    return table(
        ("", *(side.policy_id for side in sides)),
        [
            ("Preference", *(f"{side.preference:+.2f}" for side in sides)),
            ("Mean length (words)", *(f"{side.words:.1f}" for side in sides)),
            ("Finished responses", *(f"{side.finished:.0%}" for side in sides)),
        ],
    )


def _liked(
    preference: Preference, before: Sequence[DemoResponse], after: Sequence[DemoResponse]
) -> str:
    scores = [[preference.score(response.text) for response in side] for side in (before, after)]
    plot = plots.distributions(
        "Preference score of each response", ("before", scores[0]), ("after", scores[1])
    )
    return figure(plot, "All responses to the unseen prompts.", narrow=True)


def _pairs(
    preference: Preference, before: Sequence[DemoResponse], after: Sequence[DemoResponse]
) -> str:
    firsts = [{a.prompt.id: a for a in reversed(side)} for side in (before, after)]
    return "".join(
        example(
            firsts[0][prompt].prompt.text,
            _shown(preference, firsts[0][prompt]),
            _shown(preference, firsts[1][prompt]),
        )
        for prompt in list(firsts[1])[::-1][:EXAMPLES_SHOWN]
    )


def _shown(preference: Preference, response: DemoResponse) -> str:
    cut = "" if response.finished else " <em>(cut off)</em>"
    head = f"{response.policy_id}, preference {preference.score(response.text):+.2f}"
    return f"<small>{head}</small>{escape(response.text) or '<em>(empty)</em>'}{cut}"


def _minutes(result: Result) -> list[tuple[str, str]]:
    steps = list(result.minutes.items())
    stages = [(f"of it {name.replace('_', ' ')}", m) for name, m in result.stage_minutes.items()]
    rows = [*steps, *stages, ("whole", sum(result.minutes.values()))]
    return [(name, f"{minutes:.2f}") for name, minutes in rows]


def _mean(values: Sequence[float]) -> float:
    return float(sum(values) / len(values))
