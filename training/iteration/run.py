"""One training iteration, stage by stage: from stored feedback to a policy that may be deployed.

lease -> snapshot -> SFT -> reward model -> PPO -> evaluation -> gate -> publish. Each stage has
its folder and is skipped once complete, so an iteration that was killed resumes where it was.
The same rows, settings and machine give the same policy, bit for bit.

A candidate that the gate refuses is not published; its measures and reasons stay in the row and
in the report. One that passes may go to a canary; where the gate asks, an operator decides.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from moderation.classifier import ModerationClassifier
from training import derivation, snapshot, stage
from training.config import IterationConfig
from training.evaluation.evaluate import EvaluationResult, flagged_by
from training.evaluation.gate import Decision, GateVerdict, decide
from training.iteration.failures import handled
from training.iteration.heartbeat import Heartbeat
from training.iteration.lease import take
from training.iteration.publish import lineage_of, publish
from training.iteration.stages import NotEnough, Stages, require_both_sides
from training.progress import Progress, silent
from training.reports.report import write_report
from training.reports.tracking import track_stage
from training.stage import Complete, Result
from training.stage_results import (
    CompleteStages,
    PPOResult,
    RewardModelResult,
    SFTResult,
    SnapshotResult,
)
from tutelage import tracing
from tutelage.artifacts import iterations as copies
from tutelage.composition import Core
from tutelage.errors import Conflict, Invalid
from tutelage.iteration_folder import IterationFolder
from tutelage.iterations import iterations, readiness, schedule, starting_point
from tutelage.iterations.iterations import Lease
from tutelage.people import teams
from tutelage.store import Lock, exclude
from tutelage.tables import Iteration, IterationState

_OVER = (IterationState.FAILED, IterationState.CANCELLED)
_TREND = 10  # policies
# Of a quick iteration on one core (docs/results); what counts is how they compare.
_QUICK_SECONDS = {"snapshot": 1, "sft": 40, "reward_model": 73, "ppo": 131, "evaluation": 94}
_COSTS = ("seconds", "peak_memory_gb")  # of PPO, which are not its quality
_STATES = {
    GateVerdict.PROMOTE: IterationState.PROMOTED,
    GateVerdict.REFUSE: IterationState.REFUSED,
    GateVerdict.ASK: IterationState.UNDECIDED,
}


@dataclass(frozen=True)
class Outcome:
    """What came of an iteration."""

    iteration_id: str
    policy_id: str | None  # the candidate that was published, unless the gate refused it
    decision: str  # "promote", "refuse" or "ask"
    reasons: list[str]
    metrics: dict[str, Any]
    report: Path | None

    def summary(self) -> dict[str, Any]:
        """The line that ``tutelage iterate --json`` ends with."""
        return {
            "iteration": self.iteration_id,
            "policy": self.policy_id,
            "decision": self.decision,
            "reasons": self.reasons,
            "metrics": self.metrics,
        }


def request_iteration(core: Core, preset: str, actor: str, team_id: str | None = None) -> Iteration:
    """Queue an iteration on what is stored now; the same feedback and settings make one iteration.

    ``team_id``: it trains a policy of that team. Raises Invalid when the preset is unknown or there
    is too little feedback (and says how much), Conflict while another iteration is under way.
    """
    config = IterationConfig.load(preset)
    with core.store.read() as session:  # users must be able to write meanwhile
        if missing := readiness.missing(session, config.preset, team_id):
            raise Invalid(f"Not enough feedback to train on. {' '.join(missing)}")
        with TemporaryDirectory(dir=core.settings.data, prefix=".snapshot-") as folder:
            frozen = derivation.freeze(
                session, config.snapshot, Path(folder), team_id=team_id
            ).sha256
    with core.store.write() as session:
        exclude(session, Lock.PRIVILEGED)
        start = starting_point.of_next(session, schedule.in_force(session, team_id), team_id)
        if start is None:
            raise Conflict("No current policy to improve; `tutelage setup` makes one.")
        key = _digest([start.parent, config.digest(), frozen, *([team_id] if team_id else [])])
        for attempt in range(len(iterations.listed(session)) + 1):
            iteration = iterations.request(
                session, preset, start.parent, f"{key}/{attempt}", actor, start.current, team_id
            )
            if iteration.state not in _OVER:
                return iteration
    raise AssertionError("one of n + 1 keys is new")


def run_iteration(
    core: Core,
    iteration_id: str,
    classifier: ModerationClassifier | None = None,
    watch: Progress = silent,
) -> Outcome:
    """Run a queued iteration to its end, or resume one that was interrupted.

    Raises Conflict when another worker runs it or it has ended, Unavailable when a cause that can
    be fixed stopped it (complete stages are kept; run it again), else what went wrong.
    """
    with core.store.write() as session:
        lease = take(session, iteration_id)
        iteration = iterations.get(session, iteration_id)
        usual = iterations.stage_seconds(session, iteration.preset) or _QUICK_SECONDS
    with (
        tracing.span("iteration", {"tutelage.iteration": iteration_id}),
        Heartbeat(core.store, lease, watch, usual) as heartbeat,
        handled(core, lease),
    ):
        return _Run(core, lease, iteration, heartbeat, classifier).outcome()


class _Run:
    """One iteration under its lease."""

    def __init__(
        self,
        core: Core,
        lease: Lease,
        iteration: Iteration,
        heartbeat: Heartbeat,
        classifier: ModerationClassifier | None,
    ) -> None:
        self.core, self.lease, self.iteration, self.heartbeat = core, lease, iteration, heartbeat
        self.folder = core.iteration(lease.iteration_id)
        self.config = _config(self.folder, iteration.preset)
        copies.share_settings(self.folder, core.storage)
        self.parent = core.library.path(iteration.parent_policy_id)
        self.stages = Stages(
            core,
            self.folder,
            self.config,
            self.parent,
            core.library.path(iteration.baseline_policy_id),
            flagged_by(classifier),
            heartbeat.progress,
            heartbeat.part,
            iteration.team_id,
        )

    def outcome(self) -> Outcome:
        """The stages in their order, the gate, and what follows from its decision."""
        try:
            frozen = self.complete("snapshot", SnapshotResult, self.stages.freeze_snapshot)
        except NotEnough as missing:
            return self.refuse_to_train(list(missing.args))
        complete = self.train(frozen)
        decision = decide(complete.evaluation.result.comparison, self.config.gate)
        with tracing.span("gate", {"tutelage.decision": decision.verdict}):
            return self.conclude(decision, complete)

    def train(self, frozen: Complete[SnapshotResult]) -> CompleteStages:
        """The stages after the snapshot."""
        data = snapshot.load(self.folder.snapshot)
        self.amend(snapshot_sha256=frozen.result.sha256, config_sha256=self.config.digest())
        require_both_sides(data)
        sft = self.complete("sft", SFTResult, partial(self.stages.fine_tune, data))
        policy = self.parent if sft.result.skipped else self.folder.sft_policy
        rewards = self.complete(
            "reward_model",
            RewardModelResult,
            partial(self.stages.train_reward_models, data, policy),
        )
        ppo = self.complete(
            "ppo", PPOResult, partial(self.stages.optimise, data, policy, rewards.result)
        )
        evaluation = self.complete(
            "evaluation", EvaluationResult, partial(self.stages.compare, data, policy)
        )
        return CompleteStages(frozen, sft, rewards, ppo, evaluation)

    def complete(
        self, name: str, kind: type[Result], work: Callable[[Path], Result]
    ) -> Complete[Result]:
        """Run a stage, or find it complete; it is complete only if the lease is still held."""

        def held(directory: Path) -> Result:
            result = work(directory)
            self.heartbeat.confirm()
            track_stage(self.core.settings, self.folder, name)
            return result

        self.heartbeat.begin(name)
        with tracing.span(name):
            complete = stage.run(self.folder.stage(name), kind, held)
            copies.share_stage(self.folder, name, self.core.storage)
        return complete

    def conclude(self, decision: Decision, complete: CompleteStages) -> Outcome:
        """Publish what passed; write the report; end the job."""
        self.heartbeat.begin("gate")
        metrics = _metrics(complete) | {
            "checks": decision.as_rows(),
            "unproven": decision.unproven,
            "comparisons_needed": decision.comparisons,
        }
        refused = decision.verdict == GateVerdict.REFUSE
        policy_id = None if refused else self.publish(decision, complete, metrics)
        report = write_report(self.folder, self.iteration, decision, policy_id, complete)
        copies.share_report(self.folder, self.core.storage)
        self.finish(_STATES[decision.verdict], decision.verdict, decision.reasons, metrics)
        self.delete_weights()
        return Outcome(
            self.lease.iteration_id, policy_id, decision.verdict, decision.reasons, metrics, report
        )

    def publish(self, decision: Decision, complete: CompleteStages, metrics: dict[str, Any]) -> str:
        """The candidate as a policy that can be promoted."""
        policy_id = self.iteration.policy_id or self.core.library.next_id()
        self.amend(policy_id=policy_id)  # so that a second try finds what the first has published
        with self.core.store.read() as session:
            team_id = self.iteration.team_id
            team = teams.get(session, team_id) if team_id else None
        lineage = lineage_of(self.iteration, self.config, complete.snapshot.result, team) | {
            "metrics": {key: value for key, value in metrics.items() if key != "stages"},
            "reasons": decision.reasons,
            "population": self.stages.population(snapshot.load(self.folder.snapshot)),
            "trend": self.trend(complete.evaluation.result),
        }
        publish(self.core, self.lease, policy_id, self.folder.candidate, lineage)
        return policy_id

    def trend(self, evaluation: EvaluationResult) -> list[dict[str, Any]]:
        """The benchmark scores of the policies that were current before, oldest first."""
        manifest = self.core.library.manifest(self.iteration.parent_policy_id)
        scores = evaluation.benchmarks["current"]["dials"].items()
        means = {name: round(score["mean"], 3) for name, score in scores}
        row = {"policy": self.iteration.baseline_policy_id, "dials": means}
        before = [each for each in manifest.get("trend", []) if each["policy"] != row["policy"]]
        return [*before, row][-_TREND:]

    def refuse_to_train(self, missing: list[str]) -> Outcome:
        """End without training: there is too little to learn from."""
        self.finish(IterationState.REFUSED, GateVerdict.REFUSE, missing, {})
        return Outcome(self.lease.iteration_id, None, GateVerdict.REFUSE, missing, {}, None)

    def amend(self, **columns: Any) -> None:
        """Set columns of the job."""
        with self.core.store.write() as session:
            iterations.amend(session, self.lease, **columns)
            self.iteration = iterations.get(session, self.lease.iteration_id)

    def finish(
        self, state: IterationState, decision: str, reasons: list[str], metrics: dict[str, Any]
    ) -> None:
        """End the job."""
        with self.core.store.write() as session:
            iterations.finish(session, self.lease, state, decision, reasons, metrics)

    def delete_weights(self) -> None:
        """Delete the stages' copies of the policy: what counts is published, the rest is large."""
        large = [*self.folder.weights]
        if self.iteration.policy_id is None:  # else people may choose another rung
            large.append(self.folder.ladder)
        copies.forget(self.folder, large, self.core.storage)


def _config(folder: IterationFolder, preset: str) -> IterationConfig:
    """The settings that the iteration began with, also when the preset has changed since."""
    folder.path.mkdir(parents=True, exist_ok=True)
    if not folder.config.is_file():
        IterationConfig.load(preset).dump(folder.config)
    return IterationConfig.load(folder.config)


def _metrics(complete: CompleteStages) -> dict[str, Any]:
    """The measures that people are shown; times are under "stages"."""
    evaluation, ppo = complete.evaluation.result, complete.ppo.result.as_json()
    validation = complete.reward_model.result.validation
    return evaluation.as_json() | {
        "kl": evaluation.comparison.kl.mean,
        "readings": {name: _brief(found) for name, found in evaluation.benchmarks.items()},
        "reward_model": {
            "accuracy": validation.accuracy,
            "longer_wins": validation.longer_wins,
            "comparisons": validation.comparisons,
        },
        "ppo": {name: value for name, value in ppo.items() if name not in _COSTS},
        "stages": complete.costs(),
    }


def _brief(found: dict[str, Any]) -> dict[str, Any]:
    """A policy's benchmark results without the scores of single items, which stay in the folder."""
    return {
        name: {key: value for key, value in result.items() if key != "scores"}
        for name, result in found["dials"].items()
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
