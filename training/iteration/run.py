"""One feedback iteration, stage by stage: from what people said to a policy that may answer them.

lease -> snapshot -> SFT -> reward model -> PPO -> evaluation -> gate -> publish. Each stage has
its folder and is skipped once complete, so an iteration that was killed carries on where it was.
The same rows, settings and machine give the same policy, bit for bit.

A candidate that the gate refuses is not published; its measures and reasons stay in the row and
in the report. One that it lets pass may go to a canary; where it asks, a person decides.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from moderation.classifier import ModerationClassifier
from training import bundled_data, snapshot, stage
from training.config import IterationConfig
from training.evaluation.evaluate import Policies, choose_prompts, evaluate, flagged_by
from training.evaluation.gate import Decision, GateVerdict, decide
from training.evaluation.metrics import AlignmentTax, Comparison, ResponseMetrics
from training.iteration.failures import handled
from training.iteration.heartbeat import Heartbeat
from training.iteration.lease import take
from training.iteration.publish import lineage_of, publish
from training.ppo.trainer import train_ppo
from training.progress import Progress, silent
from training.reports.report import write_report
from training.reward.train import train_reward_model
from training.reward.validation import rejection_reason, validate_reward_model
from training.sft import train_sft
from training.snapshot import HELD_OUT, TRAIN, Snapshot, of_side
from training.stage import Complete
from tutelage import jsonl
from tutelage.composition import Core
from tutelage.errors import Conflict, Invalid
from tutelage.feedback import preference_data, reports
from tutelage.feedback.preference_data import Dialogue
from tutelage.iterations import iterations, readiness
from tutelage.iterations.iterations import Lease
from tutelage.policies import deployment
from tutelage.statistics import Interval
from tutelage.tables import Iteration, IterationState

CONFIG, REPORT, CASES, LOGGED = "config.toml", "report.html", "cases.jsonl", "logged.jsonl"
_OVER = (IterationState.FAILED, IterationState.CANCELLED)
_TREND = 10  # policies
_INTERVALS = (
    "gain", "win_rate", "win_rate_at_equal_length", "kl", "length", "diversity", "work",
)  # fmt: skip
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


def request_iteration(core: Core, preset: str, actor: str) -> Iteration:
    """Queue an iteration on what is stored now; the same feedback and settings make one iteration.

    Raises Invalid when the preset is unknown or there is too little feedback (and says how much),
    Conflict while another iteration is under way.
    """
    config = IterationConfig.load(preset)
    with core.store.write() as session:
        rows = preference_data.read(session)
        missing = _missing(config, rows)
        if missing:
            raise Invalid(f"There is too little feedback to train on. {' '.join(missing)}")
        parent = deployment.current(session)
        if parent is None:
            raise Conflict("There is no current policy to improve; `tutelage setup` makes one.")
        frozen = asdict(snapshot.derive(rows, config.snapshot))
        key = _digest([parent.id, config.digest(), frozen])
        for attempt in range(len(iterations.listed(session)) + 1):
            iteration = iterations.request(session, preset, parent.id, f"{key}/{attempt}", actor)
            if iteration.state not in _OVER:
                return iteration
    raise AssertionError("one of n + 1 keys is new")


def run_iteration(
    core: Core,
    iteration_id: str,
    classifier: ModerationClassifier | None = None,
    watch: Progress = silent,
) -> Outcome:
    """Run a queued iteration to its end, or carry on with one that was interrupted.

    Raises Conflict when someone else runs it or it has ended, Unavailable when something that can
    be mended stopped it (what is complete is kept; run it again), else what went wrong.
    """
    with core.store.write() as session:
        lease = take(session, iteration_id)
        iteration = iterations.get(session, iteration_id)
    with Heartbeat(core.store, lease, watch) as heartbeat, handled(core, lease):
        return _Run(core, lease, iteration, heartbeat, classifier).outcome()


class NotEnough(Exception):
    """There is too little feedback; the arguments are the sentences that say what is missing."""


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
        self.directory = core.iterations / lease.iteration_id
        self.config = _config(self.directory, iteration.preset)
        self.parent = core.library.path(iteration.parent_policy_id)
        self.flag = flagged_by(classifier)
        self.stages: dict[str, Complete] = {}

    def outcome(self) -> Outcome:
        """The stages in their order, the gate, and what follows from its decision."""
        try:
            taken = self.take_snapshot()
        except NotEnough as missing:
            return self.refuse_to_train(list(missing.args))
        sft_policy = self.fine_tune(taken)
        self.learn_rewards(taken, sft_policy)
        self.optimise(taken, sft_policy)
        comparison = self.compare(taken, sft_policy)
        return self.conclude(decide(comparison, self.config.gate))

    def stage(self, name: str, work: Any) -> Complete:
        """Run a stage, or find it complete."""
        self.heartbeat.check()
        self.stages[name] = stage.run(self.directory / name, work)
        self.heartbeat.check()
        return self.stages[name]

    def take_snapshot(self) -> Snapshot:
        """Freeze what may be learned from, once."""

        def work(directory: Path) -> dict[str, Any]:
            with self.core.store.read() as session:
                rows, cases = preference_data.read(session), reports.cases(session)
            missing = _missing(self.config, rows)
            if missing:
                raise NotEnough(*missing)
            taken = snapshot.derive(rows, self.config.snapshot)
            digest = snapshot.write(taken, directory)
            jsonl.write(directory / CASES, cases, sort_keys=True)
            if self.config.ppo.reuse:
                jsonl.write(directory / LOGGED, self.logged(rows), sort_keys=True)
            return {"sha256": digest, "conversations": len(rows.conversations)} | taken.counts()

        complete = self.stage("snapshot", work)
        taken = snapshot.load(self.directory / "snapshot")
        self.amend(snapshot_sha256=complete.metrics["sha256"], config_sha256=self.config.digest())
        _require_both_sides(taken)
        return taken

    def logged(self, rows: preference_data.Rows) -> list[dict[str, Any]]:
        """The responses that PPO may learn from again."""
        held_out = self.config.snapshot.held_out
        return [
            asdict(response)
            for response in preference_data.logged(rows)
            if snapshot.split_of(preference_data.opening(response.prompt), held_out) == TRAIN
        ]

    def fine_tune(self, taken: Snapshot) -> Path:
        """SFT on demonstrations and edits; without any, the parent itself is the SFT policy.

        The shipped demonstrations are only replayed beside those of the users: alone they would
        teach what nobody asked for, and the gain would not be the users'.
        """
        shown = of_side(taken.demonstrations, TRAIN)

        def work(directory: Path) -> dict[str, Any]:
            if not shown:
                return {"skipped": "No demonstration, edit or liked answer to imitate."}
            return train_sft(
                self.parent,
                shown,
                bundled_data.replayable_demonstrations(),
                self.config,
                directory,
                self.heartbeat.progress,
            )

        complete = self.stage("sft", work)
        return self.parent if "skipped" in complete.metrics else self.directory / "sft" / "policy"

    def learn_rewards(self, taken: Snapshot, sft_policy: Path) -> None:
        """The reward model that PPO climbs, and the one that judges, from the other side."""

        def work(directory: Path) -> dict[str, Any]:
            facts = {}
            for name, side in (("proxy", TRAIN), ("held_out", HELD_OUT)):
                facts[name] = train_reward_model(
                    sft_policy, of_side(taken.rankings, side), of_side(taken.thumbs, side),
                    self.config, directory / name, self.heartbeat.progress,
                )  # fmt: skip
            unseen = of_side(taken.rankings, HELD_OUT)
            facts["examination"] = validate_reward_model(
                sft_policy, directory / "proxy", unseen, self.config
            )
            jsonl.write(directory / "metrics.jsonl", [{"model": n} | f for n, f in facts.items()])
            return facts

        self.stage("reward_model", work)

    def optimise(self, taken: Snapshot, sft_policy: Path) -> None:
        """PPO from the SFT policy, stopped at the held-out peak.

        A reward model that fails its examination is not climbed: no update, the SFT policy stands.
        """
        rewards = self.directory / "reward_model"
        examination = self.stages["reward_model"].metrics["examination"]
        doubt = rejection_reason(examination, self.config.reward_model.min_accuracy)
        config = self.config
        if doubt:
            config = replace(config, ppo=replace(config.ppo, updates=0))

        def work(directory: Path) -> dict[str, Any]:
            metrics = train_ppo(
                sft_policy, rewards / "proxy", rewards / "held_out",
                _dialogues(of_side(taken.prompts, TRAIN)), self.peak_prompts(taken),
                config, directory, self.heartbeat.progress, _ptx_data(taken), self.replay_data(),
            )  # fmt: skip
            return metrics | ({"stop_reason": doubt} if doubt else {})

        self.stage("ppo", work)

    def replay_data(self) -> list[dict[str, Any]]:
        """What ``logged`` has frozen."""
        path = self.directory / "snapshot" / LOGGED
        return jsonl.read(path) if path.is_file() else []

    def peak_prompts(self, taken: Snapshot) -> list[Dialogue]:
        """The held-out prompts by which PPO's peak is found."""
        return _dialogues(of_side(taken.prompts, HELD_OUT))[: self.config.ppo.eval_prompts]

    def compare(self, taken: Snapshot, sft_policy: Path) -> Comparison:
        """Candidate and current policy on prompts that nothing was learned from."""
        policies = Policies(
            current=self.parent,
            candidate=self.directory / "ppo" / "policy",
            reference=sft_policy,
            reward=self.directory / "reward_model" / "held_out",
        )

        def work(directory: Path) -> dict[str, Any]:
            prompts = choose_prompts(
                _dialogues(of_side(taken.prompts, HELD_OUT)),
                _spare_prompts(taken),
                self.peak_prompts(taken),
                self.config.evaluation.prompts,
            )
            cases = jsonl.read(self.directory / "snapshot" / CASES)
            return evaluate(
                policies, prompts, self.flag, self.config, directory, self.heartbeat.progress,
                cases,
            )  # fmt: skip

        return _comparison(self.stage("evaluation", work).metrics)

    def conclude(self, decision: Decision) -> Outcome:
        """Publish what passed; write the report; end the job."""
        metrics = self.metrics() | {"checks": decision.as_rows(), "unproven": decision.unproven}
        refused = decision.verdict == GateVerdict.REFUSE
        policy_id = None if refused else self.publish(decision, metrics)
        report = write_report(self.directory, self.iteration, decision, policy_id)
        self.finish(_STATES[decision.verdict], decision.verdict, decision.reasons, metrics)
        self.forget_weights()
        return Outcome(
            self.lease.iteration_id, policy_id, decision.verdict, decision.reasons, metrics, report
        )

    def publish(self, decision: Decision, metrics: dict[str, Any]) -> str:
        """The candidate as a policy that can be promoted."""
        policy_id = self.iteration.policy_id or self.core.library.next_id()
        self.amend(policy_id=policy_id)  # so that a second try finds what the first has published
        lineage = lineage_of(self.iteration, self.config, self.stages["snapshot"].metrics)
        lineage |= {
            "metrics": {key: value for key, value in metrics.items() if key != "stages"},
            "reasons": decision.reasons,
            "trend": self.trend(),
        }
        candidate = self.directory / "ppo" / "policy"
        publish(self.core, self.lease, policy_id, candidate, lineage)
        return policy_id

    def trend(self) -> list[dict[str, Any]]:
        """The limitations of the policies before this one, oldest first."""
        manifest = self.core.library.manifest(self.iteration.parent_policy_id)
        dials = self.stages["evaluation"].metrics["readings"]["current"]["dials"]
        means = {name: round(dial["mean"], 3) for name, dial in dials.items()}
        row = {"policy": self.iteration.parent_policy_id, "dials": means}
        return [*manifest.get("trend", []), row][-_TREND:]

    def metrics(self) -> dict[str, Any]:
        """The measures that people are shown; times are under "stages"."""
        rewards = self.stages["reward_model"].metrics
        examination = rewards["examination"]
        evaluated = self.stages["evaluation"].metrics
        return evaluated | {
            "kl": evaluated["kl"]["mean"],
            "readings": {name: _brief(found) for name, found in evaluated["readings"].items()},
            "reward_model": {
                "accuracy": examination["accuracy"],
                "longer_wins": examination["longer_wins"],
                "comparisons": examination["comparisons"],
            },
            "ppo": {
                key: value
                for key, value in self.stages["ppo"].metrics.items()
                if key not in ("seconds", "peak_memory_gb")
            },
            "stages": {
                name: {"seconds": done.seconds, "peak_memory_mb": done.peak_memory_mb}
                for name, done in self.stages.items()
            },
        }

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

    def forget_weights(self) -> None:
        """Delete the stages' copies of the policy: what counts is published, the rest is large."""
        for name in ("sft", "ppo"):
            shutil.rmtree(self.directory / name / "policy", ignore_errors=True)


def _config(directory: Path, preset: str) -> IterationConfig:
    """The settings that the iteration began with, also when the preset has changed since."""
    directory.mkdir(parents=True, exist_ok=True)
    kept = directory / CONFIG
    if not kept.is_file():
        beside = directory / f".{CONFIG}"
        IterationConfig.load(preset).dump(beside)
        beside.replace(kept)
    return IterationConfig.load(kept)


def _missing(config: IterationConfig, rows: preference_data.Rows) -> list[str]:
    need = readiness.NEEDS.get(config.preset, readiness.NEEDS["standard"])
    return readiness.missing(need, len(rows.conversations), preference_data.learnable(rows))


def _require_both_sides(taken: Snapshot) -> None:
    for side in (TRAIN, HELD_OUT):
        if not any(len(set(row["ranks"])) > 1 for row in of_side(taken.rankings, side)):
            raise Invalid(
                f"No comparison fell on the {side} side of the split by opening messages. More "
                "different openings are needed; nothing was trained."
            )


def _comparison(metrics: dict[str, Any]) -> Comparison:
    """The evaluation's result as it was written."""
    return Comparison(
        current=ResponseMetrics(**metrics["current"]),
        candidate=ResponseMetrics(**metrics["candidate"]),
        tax=AlignmentTax(**metrics["tax"] | {"rise": Interval(**metrics["tax"]["rise"])}),
        changes=_intervals(metrics["changes"]),
        limitations=_intervals(metrics["limitations"]),
        failed_cases=metrics["failed_cases"],
        **_intervals({name: metrics[name] for name in _INTERVALS}),
    )


def _intervals(found: dict[str, Any]) -> dict[str, Any]:
    return {name: Interval(**value) for name, value in found.items()}


def _brief(found: dict[str, Any]) -> dict[str, Any]:
    """A policy's limitations without the scores of single items, which stay in the folder."""
    dials = found["dials"].items()
    return {
        name: {key: value for key, value in dial.items() if key != "scores"} for name, dial in dials
    }


def _spare_prompts(taken: Snapshot) -> list[Dialogue]:
    """Shipped prompts that no conversation of the snapshot begins with, last ones first."""
    seen = {preference_data.opening(row["prompt"]) for row in taken.prompts}
    texts = [row["prompt"] for row in reversed(bundled_data.rows(bundled_data.PROMPTS))]
    return [[{"role": "user", "content": text}] for text in texts if text not in seen]


def _ptx_data(taken: Snapshot) -> list[dict[str, Any]]:
    """What PPO-ptx learns to write: demonstrations and best-ranked responses to train prompts."""
    best = snapshot.best_responses(of_side(taken.rankings, TRAIN))
    return of_side(taken.demonstrations, TRAIN) + best


def _dialogues(rows: Sequence[dict[str, Any]]) -> list[Dialogue]:
    return [row["prompt"] for row in rows]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
