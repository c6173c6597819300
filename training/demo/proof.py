"""The proof: is a gain more than what training does without people's preference?

For each seed the first policy responds once, and people of every taste judge the same responses.
For each taste four iterations learn from them: from the rankings as given, and from three controls.
Every candidate is measured by the true preference on prompts that nothing was taught with, whatever
the gate says. What counts is the gain less that of the best control.
"""

import json
import multiprocessing
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from scipy import stats

from training import snapshot, stage
from training.compute import compute
from training.config import IterationConfig
from training.demo.controls import CONTROLS, ProofArm, control_config, control_snapshot
from training.demo.demo import Say, Scale
from training.demo.judging import Responses, Written, judged
from training.demo.preferences import PREFERENCES, Preference, finished
from training.demo.simulated_users import (
    DemoPrompt,
    Habits,
    shipped_demonstrations,
    shipped_prompts,
)
from training.evaluation.evaluate import EvaluationResult, sample_policy
from training.evaluation.gate import decide
from training.iteration.stages import Stages
from training.model.tokenizer import ChatTokenizer
from training.progress import Progress
from training.snapshot import Snapshot
from training.stage_results import PPOResult, RewardModelResult, SFTResult
from tutelage import atomic, jsonl
from tutelage.composition import Core, open_core
from tutelage.errors import Invalid
from tutelage.feedback.preference_data import Dialogue
from tutelage.iteration_folder import IterationFolder
from tutelage.policies.base import BASE_ID, ensure_base
from tutelage.settings import Settings
from tutelage.statistics import LEVEL, Interval

TASTES = ("detailed", "lists", "formal", "asks-back", "plain", "caveat")
FIRST_POLICY = "first-policy"  # the data folder that all tastes and seeds share


@dataclass(frozen=True)
class ArmResult:
    """One candidate, measured by every taste."""

    taste: str
    seed: int
    arm: ProofArm
    gains: dict[str, float]  # by taste: the candidate's mean preference less the first policy's
    words: float
    finished: float
    updates: int  # of PPO that were kept
    decision: str  # the gate's, of the taught arm; else empty
    judgements: int
    minutes: float

    @property
    def gain(self) -> float:
        """By the taste that was taught."""
        return self.gains[self.taste]


class TasteEffect(NamedTuple):
    """A taste over all its seeds."""

    taste: str
    gains: dict[ProofArm, list[float]]  # of each seed
    best_control: ProofArm  # by its mean gain
    net: Interval | None  # taught less best control, Student's interval; None with one seed


def _silent(what: str, done: int, total: int) -> None:
    """Shows nothing: progress cannot be shown from another process."""


def prove(
    tastes: Sequence[str],
    seeds: Sequence[int],
    settings: Settings,
    scale: Scale = Scale(),
    say: Say = _silent,
    jobs: int = 1,
) -> list[ArmResult]:
    """Runs every arm of every taste and seed below ``settings.data``; what is there is not rerun.

    ``jobs`` tastes and seeds run at once, each in a process of its own if there is more than one.

    Raises Invalid for an unknown taste or preset.
    """
    for taste in tastes:
        if taste not in PREFERENCES:
            raise Invalid(f"Unknown preference {taste!r}. Known: {', '.join(PREFERENCES)}.")
    IterationConfig.load(scale.preset)
    say("the first policy", 0, 0)
    _first_policy(settings).store.close()
    every = [(taste, seed) for seed in seeds for taste in tastes]
    results: list[ArmResult] = []
    for arms in _run_all(every, settings, scale, say, jobs):
        results += arms
        say("tastes and seeds", len(results) // len(ProofArm), len(every))
    return results


def _run_all(
    every: Sequence[tuple[str, int]], settings: Settings, scale: Scale, say: Say, jobs: int
) -> Iterator[list[ArmResult]]:
    """The arms of each taste and seed, in order, once the first policy has responded."""
    firsts = {seed: taste for taste, seed in reversed(every)}
    if jobs == 1:
        for seed, taste in firsts.items():
            _respond(settings, taste, seed, scale, say)
        say("tastes and seeds", 0, len(every))
        for taste, seed in every:
            yield _run_one(settings, taste, seed, scale, say)
        return
    spawn = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    with ProcessPoolExecutor(jobs, spawn) as pool:
        written = [pool.submit(_respond, settings, *one[::-1], scale) for one in firsts.items()]
        for done, future in enumerate(written):
            say("responses of the first policy", done, len(written))
            future.result()
        say("tastes and seeds", 0, len(every))
        running = [pool.submit(_run_one, settings, *one, scale) for one in every]
        for running_one in running:
            yield running_one.result()


def _respond(settings: Settings, taste: str, seed: int, scale: Scale, say: Say = _silent) -> None:
    _Teaching(settings, PREFERENCES[taste], seed, scale, say).write_responses()


def _run_one(
    settings: Settings, taste: str, seed: int, scale: Scale, say: Say = _silent
) -> list[ArmResult]:
    return _Teaching(settings, PREFERENCES[taste], seed, scale, say).arms()


def effects(results: Sequence[ArmResult]) -> Iterator[TasteEffect]:
    """Each taste's gains over its controls, in the order of the results."""
    for taste in dict.fromkeys(result.taste for result in results):
        gains = {
            arm: [r.gain for r in results if r.taste == taste and r.arm == arm] for arm in ProofArm
        }
        best = max(CONTROLS, key=lambda arm: sum(gains[arm]))
        net = [
            ours - control
            for ours, control in zip(gains[ProofArm.TAUGHT], gains[best], strict=True)
        ]
        yield TasteEffect(taste, gains, best, _student(net))


def _student(values: Sequence[float]) -> Interval | None:
    """The mean of independent values with Student's interval."""
    if len(values) < 2:
        return None
    mean, error = float(sum(values) / len(values)), float(stats.sem(values))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * error
    return Interval(mean, mean - reach, mean + reach)


class _Teaching:
    """One taste and seed: the responses that people judged, their snapshot, and the arms."""

    def __init__(
        self, settings: Settings, taste: Preference, seed: int, scale: Scale, say: Say
    ) -> None:
        self.settings = settings
        self.path = settings.data / f"{taste.name}-{seed}"
        self.shared = settings.data / f"responses-{seed}.json"
        self.taste, self.seed, self.scale, self.say = taste, seed, scale, say
        preset = IterationConfig.load(scale.preset)
        self.config = replace(preset, seed=preset.seed + seed)

    def arms(self) -> list[ArmResult]:
        """The results of all arms; those that are there already are read."""
        known = {arm: _read(self.result_file(arm)) for arm in ProofArm}
        if any(result is None for result in known.values()):
            self.path.mkdir(exist_ok=True)
            stored = json.loads(self.shared.read_text("utf-8"))
            to_judge = {
                text: [Written(*each) for each in every]
                for text, every in stored["to_judge"].items()
            }
            core = _first_policy(self.settings)
            try:
                data = self.judged(to_judge)
                for arm in ProofArm:
                    known[arm] = known[arm] or self.run(core, data, arm, stored["unseen"])
            finally:
                core.store.close()
        return [result for result in known.values() if result]

    def result_file(self, arm: ProofArm) -> Path:
        return self.path / f"{arm.replace(' ', '-')}.json"

    def judged(self, responses: Responses) -> Snapshot:
        """The rankings of people of this taste, with their mistakes."""
        taught = self.prompts[: self.scale.prompts]
        held_out = self.config.snapshot.held_out
        return judged(self.taste, taught, responses, Habits(seed=self.seed), held_out)

    def write_responses(self) -> None:
        """What the first policy says: several responses to judge, and to each unseen prompt."""
        if self.shared.is_file():
            return
        core = _first_policy(self.settings)
        first = core.library.path(BASE_ID)
        core.store.close()
        taught, shown = self.prompts[: self.scale.prompts], _edited_prompts()
        asked = [p.text for p in taught for _ in range(Habits().responses)] + shown
        written = self.responses(first, [_said(text) for text in asked])
        to_judge: dict[str, list[Written]] = {}
        for text, response in zip(asked, written, strict=True):
            to_judge.setdefault(text, []).append(response)
        unseen = [response.text for response in self.responses(first, self.questions)]
        atomic.write_text(self.shared, json.dumps({"to_judge": to_judge, "unseen": unseen}))

    @property
    def prompts(self) -> list[DemoPrompt]:
        """The shipped prompts in the order of the seed: the first are taught, the next measured."""
        found = shipped_prompts()
        random.Random(self.seed).shuffle(found)
        return found

    def run(self, core: Core, data: Snapshot, arm: ProofArm, first: Sequence[str]) -> ArmResult:
        """One iteration from an arm's data, and the measures of its candidate."""
        self.say(f"{self.taste.name}, seed {self.seed}", list(ProofArm).index(arm), len(ProofArm))
        began = time.monotonic()
        updates = 0 if arm == ProofArm.TAUGHT else self.kept_updates()
        config = control_config(self.config, arm, updates)
        folder = IterationFolder(self.path / f"{arm.replace(' ', '-')}-iteration")
        shutil.rmtree(folder.path, ignore_errors=True)  # of a run that was interrupted
        stages = self.stages(core, folder, config)
        candidate, kept, decision = self.train(
            stages, control_snapshot(data, arm, self.seed), decided=arm == ProofArm.TAUGHT
        )
        texts = [response.text for response in self.responses(candidate, self.questions)]
        jsonl.write(self.result_file(arm).with_suffix(".jsonl"), self.rows(first, texts))
        result = ArmResult(
            self.taste.name, self.seed, arm,
            gains={name: _gain(p, first, texts) for name, p in PREFERENCES.items()},
            words=sum(len(text.split()) for text in texts) / len(texts),
            finished=sum(map(finished, texts)) / len(texts),
            updates=kept,
            decision=decision,
            judgements=len(data.rankings) + len(data.thumbs),
            minutes=round((time.monotonic() - began) / 60, 2),
        )  # fmt: skip
        shutil.rmtree(folder.path)
        atomic.write_text(self.result_file(arm), json.dumps(asdict(result), indent=2) + "\n")
        return result

    def kept_updates(self) -> int:
        taught = _read(self.result_file(ProofArm.TAUGHT))
        assert taught is not None, "the taught arm runs first"
        return taught.updates

    def stages(self, core: Core, folder: IterationFolder, config: IterationConfig) -> Stages:
        parent = core.library.path(BASE_ID)
        return Stages(core, folder, config, parent, parent, lambda text: False, self.progress())

    def progress(self) -> Progress:
        return lambda stage, done, total, metrics: self.say(stage, done, total)

    def train(self, stages: Stages, data: Snapshot, decided: bool) -> tuple[Path, int, str]:
        """The candidate, the updates it kept, and the gate's decision where it is wanted."""
        folder = stages.folder
        snapshot.write(data, folder.snapshot)
        sft = stage.run(folder.sft, SFTResult, partial(stages.fine_tune, data)).result
        policy = stages.parent if sft.skipped else folder.sft_policy
        rewards = stage.run(
            folder.reward_model,
            RewardModelResult,
            partial(stages.train_reward_models, data, policy),
        ).result
        optimise = partial(stages.optimise, data, policy, rewards)
        kept = stage.run(folder.ppo, PPOResult, optimise).result.kept_update
        decision = ""
        if decided:
            jsonl.write(folder.reported_cases, [])
            compare = partial(stages.compare, data, policy)
            found = stage.run(folder.evaluation, EvaluationResult, compare).result
            decision = decide(found.comparison, stages.config.gate).verdict.value
        return folder.candidate, kept, decision

    def responses(self, policy: Path, questions: Sequence[Dialogue]) -> list[Written]:
        """The policy's response to each question, with the same random numbers for all policies."""
        tokenizer = ChatTokenizer(policy)
        config = replace(self.config, precision="fp32")  # the precision that is served
        ids = [tokenizer.prompt(prompt) for prompt in questions]
        with compute(config):
            episodes = sample_policy(policy, tokenizer, ids, config)
        return [
            Written(tokenizer.text(episode.words.tolist()), episode.finished)
            for episode in episodes
        ]

    @property
    def questions(self) -> list[Dialogue]:
        """The unseen prompts, each repeated once per sample."""
        start = self.scale.prompts
        unseen = self.prompts[start : start + self.scale.test_prompts]
        return [_said(p.text) for p in unseen for _ in range(self.scale.samples)]

    def rows(self, first: Sequence[str], texts: Sequence[str]) -> list[dict[str, Any]]:
        """Both policies' responses, for the page."""
        return [
            {"prompt": dialogue[0]["content"], "first": before, "candidate": after}
            for dialogue, before, after in zip(self.questions, first, texts, strict=True)
        ]


def _first_policy(settings: Settings) -> Core:
    """The data folder with the policy that all arms begin with; made where it is missing."""
    here = {"data": settings.data / FIRST_POLICY, "database_url": "", "artifacts": ""}
    core = open_core(settings.model_copy(update=here))
    ensure_base(core.store, core.library, core.settings.base_model)
    return core


def _edited_prompts() -> list[str]:
    """What the demonstrations of all tastes are responses to."""
    every = (shipped_demonstrations(preference) for preference in PREFERENCES.values())
    return list(dict.fromkeys(example.prompt.text for some in every for example in some))


def _said(text: str) -> Dialogue:
    return [{"role": "user", "content": text}]


def _gain(preference: Preference, first: Sequence[str], texts: Sequence[str]) -> float:
    return float(
        sum(preference.score(text) for text in texts) / len(texts)
        - sum(preference.score(text) for text in first) / len(first)
    )


def _read(path: Path) -> ArmResult | None:
    if not path.is_file():
        return None
    values = json.loads(path.read_text("utf-8"))
    return ArmResult(**values | {"arm": ProofArm(values["arm"])})
