"""The stages of an iteration: what each reads, what it writes into its folder, what it returns."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training import bundled_data, derivation, snapshot
from training.config import IterationConfig
from training.evaluation.evaluate import (
    EvaluationResult,
    Flag,
    Policies,
    choose_prompts,
    evaluate,
)
from training.optimise.optimise import optimise_policy
from training.population import JudgedPopulation, as_judged, population_facts
from training.ppo.optimiser import JudgedData
from training.progress import Progress
from training.reward.train import train_reward_model
from training.reward.validation import rejection_reason, validate_reward_model
from training.sft import train_sft
from training.snapshot import HELD_OUT, TRAIN, Snapshot, of_side
from training.stage_results import PPOResult, RewardModelResult, SFTResult, SnapshotResult
from tutelage import jsonl
from tutelage.composition import Core
from tutelage.errors import Invalid
from tutelage.feedback import preference_data, reports
from tutelage.feedback.preference_data import Dialogue, system_prompt
from tutelage.iteration_folder import IterationFolder
from tutelage.iterations import readiness
from tutelage.settings import listed


class NotEnough(Exception):
    """There is too little feedback; the arguments are the sentences that say what is missing."""


@dataclass(frozen=True)
class Stages:
    """The stages' work; ``directory`` is always the stage's folder below ``folder``."""

    core: Core
    folder: IterationFolder
    config: IterationConfig
    parent: Path  # the policy to train from
    current: Path  # the policy to be better than, most often the parent
    flag: Flag
    progress: Progress
    part: Callable[[int, int], Progress] | None = None  # reports on part n of so many
    team_id: str | None = None  # whose policy it is

    def freeze_snapshot(self, directory: Path) -> SnapshotResult:
        """Freeze what may be learned from. Raises NotEnough."""
        with self.core.store.read() as session:
            if missing := readiness.missing(session, self.config.preset, self.team_id):
                raise NotEnough(*missing)
            frozen = derivation.freeze(
                session, self.config.snapshot, directory, self.folder.left_out, self.team_id
            )
            if self.config.ppo.reuse:
                held_out = self.config.snapshot.held_out
                logged = self.folder.logged_responses
                derivation.replayable(session, held_out, logged, self.team_id)
            conversations = readiness.consented(session, self.team_id)
            cases = reports.cases(session, self.team_id)
        jsonl.write(self.folder.reported_cases, cases, sort_keys=True)
        if frozen.signals:
            jsonl.write(self.folder.metrics(directory.name), frozen.signals)
        return SnapshotResult(frozen.sha256, conversations, frozen.counts, frozen.signals)

    def fine_tune(self, frozen: Snapshot, directory: Path) -> SFTResult:
        """SFT on demonstrations and edits; skipped where there are none.

        The bundled demonstrations are only replayed beside those of the users: alone they would
        teach what the users did not ask for, and the gain would not be theirs.
        """
        demonstrations = of_side(frozen.demonstrations, TRAIN)
        if not demonstrations:
            return SFTResult({}, skipped="No demonstration, edit or liked response to imitate.")
        replay = bundled_data.replayable_demonstrations()
        return SFTResult(
            train_sft(self.parent, demonstrations, replay, self.config, directory, self.progress)
        )

    def train_reward_models(
        self, frozen: Snapshot, sft_policy: Path, directory: Path
    ) -> RewardModelResult:
        """The proxy that PPO optimises against, and the held-out model from the other side."""
        proxy, held_out = (
            train_reward_model(
                sft_policy, of_side(frozen.rankings, side), of_side(frozen.thumbs, side),
                self.config, out, self.part(number, 2) if self.part else self.progress,
                of_side(frozen.signals, side),
            )
            for number, out, side in (
                (1, self.folder.proxy, TRAIN), (2, self.folder.held_out, HELD_OUT)
            )
        )  # fmt: skip
        unseen = of_side(frozen.rankings, HELD_OUT)
        validation = validate_reward_model(sft_policy, self.folder.proxy, unseen, self.config)
        result = RewardModelResult(proxy, held_out, validation)
        rows = ({"model": name} | facts for name, facts in result.as_json().items())
        jsonl.write(self.folder.metrics(directory.name), rows)
        return result

    def optimise(
        self, frozen: Snapshot, sft_policy: Path, rewards: RewardModelResult, directory: Path
    ) -> PPOResult:
        """The settings' method from the SFT policy, and the rung of its ladder that is kept.

        Skipped where the proxy reward model fails its validation: the SFT policy is the candidate.
        """
        data = JudgedData(
            prompts=_dialogues(of_side(frozen.prompts, TRAIN)),
            eval_prompts=self._selection_prompts(frozen),
            rankings=of_side(frozen.rankings, TRAIN),
            ptx_data=_ptx_data(frozen),
            replay_data=_rows(self.folder.logged_responses),
        )
        metrics = optimise_policy(
            sft_policy,
            self.folder.proxy,
            self.folder.held_out,
            data,
            self.as_judged(frozen),
            directory,
            self.progress,
            skipped=rejection_reason(rewards.validation, self.config.reward_model.min_accuracy),
            rollout_urls=listed(self.core.settings.rollout_urls),
        )
        return PPOResult.from_json(metrics)

    def compare(self, frozen: Snapshot, sft_policy: Path, directory: Path) -> EvaluationResult:
        """Candidate and current policy on prompts that nothing was learned from."""
        policies = Policies(
            current=self.current,
            candidate=self.folder.candidate,
            reference=sft_policy,
            reward=self.folder.held_out,
        )
        prompts = choose_prompts(
            _dialogues(of_side(frozen.prompts, HELD_OUT)),
            spare_prompts(frozen),
            self._selection_prompts(frozen) + _judged_prompts(frozen),
            max(self.config.evaluation.prompts, self.config.evaluation.harm_prompts),
        )
        cases = jsonl.read(self.folder.reported_cases)
        config = self.as_judged(frozen)
        found = evaluate(policies, prompts, self.flag, config, directory, self.progress, cases)
        judged = JudgedPopulation.of(frozen.rankings)
        cut = judged is not None and judged.cut > config.ppo.cut_share
        return replace(found, comparison=replace(found.comparison, judged_cut=cut))

    def as_judged(self, frozen: Snapshot) -> IterationConfig:
        """The settings with the sampling of the responses that people ranked."""
        return as_judged(self.config, JudgedPopulation.of(frozen.rankings))

    def population(self, frozen: Snapshot) -> dict[str, Any]:
        """How responses were judged, sampled here and are served, for the manifest."""
        judged = JudgedPopulation.of(frozen.rankings)
        return population_facts(self.as_judged(frozen), judged, self.core.settings)

    def _selection_prompts(self, frozen: Snapshot) -> list[Dialogue]:
        """The held-out prompts by which PPO's best update is selected."""
        return _dialogues(of_side(frozen.prompts, HELD_OUT))[: self.config.ppo.eval_prompts]


def require_both_sides(frozen: Snapshot) -> None:
    """Raises Invalid unless both sides of the split have a comparison."""
    for side in (TRAIN, HELD_OUT):
        if not any(len(set(row["ranks"])) > 1 for row in of_side(frozen.rankings, side)):
            raise Invalid(
                f"No comparison fell on the {side} side of the split by first user message. "
                "Rankings on more distinct first messages are needed; nothing was trained."
            )


def _ptx_data(frozen: Snapshot) -> list[dict[str, Any]]:
    """What PPO-ptx learns to write: demonstrations and best-ranked responses to train prompts."""
    best = snapshot.best_responses(of_side(frozen.rankings, TRAIN))
    return of_side(frozen.demonstrations, TRAIN) + best


def _judged_prompts(frozen: Snapshot) -> list[Dialogue]:
    """The held-out prompts of conversations that the held-out reward model was fitted to."""
    judged = of_side(frozen.rankings, HELD_OUT) + of_side(frozen.thumbs, HELD_OUT)
    openings = {preference_data.first_user_message(row["prompt"]) for row in judged}
    held_out = _dialogues(of_side(frozen.prompts, HELD_OUT))
    return [p for p in held_out if preference_data.first_user_message(p) in openings]


def spare_prompts(frozen: Snapshot) -> list[Dialogue]:
    """Bundled prompts that no conversation of the snapshot begins with, last ones first.

    Each gets the system prompt, or none, of a prompt of the snapshot: these have their share.
    """
    seen = {preference_data.first_user_message(row["prompt"]) for row in frozen.prompts}
    texts = [row["prompt"] for row in reversed(bundled_data.rows(bundled_data.PROMPTS))]
    openings = [system_prompt(row["prompt"]) for row in frozen.prompts] or [[]]
    draw = random.Random(0)
    return [
        [*draw.choice(openings), {"role": "user", "content": text}]
        for text in texts
        if text not in seen
    ]


def _dialogues(rows: Sequence[dict[str, Any]]) -> list[Dialogue]:
    return [row["prompt"] for row in rows]


def _rows(path: Path) -> list[dict[str, Any]]:
    return jsonl.read(path) if path.is_file() else []
