"""The folder of an iteration: the one place that knows where each stage keeps its files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STAGES = ("snapshot", "sft", "reward_model", "ppo", "evaluation")
METRICS = "metrics.jsonl"  # a stage's curve, one row a step
ADAPTER = "adapter.safetensors"  # what SFT trained
EXAMPLES = "examples.jsonl"  # both policies' responses, side by side
LADDER = "ladder"  # the adapters that optimisation passed through
RUNGS = "rungs.jsonl"  # what was measured of each
RESULT = "evaluation.json"
COMPLETE = "complete.json"  # of a stage; written last
DIGEST = "digest.json"  # of the snapshot's files; written last
_POLICY = "policy"  # a stage's own copy of the weights
ENSEMBLE = "ensemble.safetensors"
DOUBT = "doubt.safetensors"


@dataclass(frozen=True)
class IterationFolder:
    """``DATA/iterations/ID``."""

    path: Path

    @property
    def id(self) -> str:
        """The iteration's id."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The settings that the iteration began with, as TOML."""
        return self.path / "config.toml"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    @property
    def plots(self) -> Path:
        """The report's plots as SVG files."""
        return self.path / "plots"

    def stage(self, name: str) -> Path:
        """The folder of one of ``STAGES``."""
        return self.path / name

    @property
    def snapshot(self) -> Path:
        """The frozen training data."""
        return self.stage("snapshot")

    @property
    def snapshot_digest(self) -> Path:
        """Exists once the snapshot is complete."""
        return self.snapshot / DIGEST

    def snapshot_rows(self, name: str) -> Path:
        """A file of the snapshot: "rankings", "thumbs", "demonstrations", "prompts", "signals"."""
        return self.snapshot / f"{name}.jsonl"

    @property
    def reported_cases(self) -> Path:
        """The accepted reports that the candidate is checked against."""
        return self.snapshot / "cases.jsonl"

    @property
    def left_out(self) -> Path:
        """The standing judgements that the snapshot does not hold, with the reasons."""
        return self.snapshot / "left_out.jsonl"

    @property
    def logged_responses(self) -> Path:
        """The responses that PPO may replay; there only where the settings ask for replay."""
        return self.snapshot / "logged.jsonl"

    @property
    def sft(self) -> Path:
        """Supervised fine-tuning."""
        return self.stage("sft")

    @property
    def sft_adapter(self) -> Path:
        """The LoRA adapter of SFT, absent where SFT was skipped."""
        return self.sft / ADAPTER

    @property
    def sft_policy(self) -> Path:
        """The fine-tuned policy; deleted when the iteration ends."""
        return self.sft / _POLICY

    @property
    def reward_model(self) -> Path:
        """Both reward models and their validation."""
        return self.stage("reward_model")

    @property
    def proxy(self) -> Path:
        """The reward model that PPO optimises against."""
        return self.reward_model / "proxy"

    @property
    def held_out(self) -> Path:
        """The reward model that selects and evaluates, trained on the other side of the split."""
        return self.reward_model / "held_out"

    @property
    def ensemble(self) -> Path:
        """The ensemble of heads beside the proxy reward model."""
        return self.proxy / ENSEMBLE

    @property
    def ppo(self) -> Path:
        """Policy optimisation."""
        return self.stage("ppo")

    @property
    def candidate(self) -> Path:
        """The policy that optimisation kept; deleted when the iteration ends."""
        return self.ppo / _POLICY

    @property
    def ladder(self) -> Path:
        """The adapters of the rungs, small beside the weights; deleted with the candidate's."""
        return self.ppo / LADDER

    @property
    def rungs(self) -> Path:
        """The healthy rungs with what was measured of them."""
        return self.ppo / RUNGS

    @property
    def evaluation(self) -> Path:
        """The comparison of candidate and current policy."""
        return self.stage("evaluation")

    @property
    def examples(self) -> Path:
        """Both policies' responses to each evaluation prompt."""
        return self.evaluation / EXAMPLES

    def metrics(self, stage: str) -> Path:
        """A stage's curve, also while it runs."""
        return self.stage(stage) / METRICS

    @property
    def weights(self) -> tuple[Path, ...]:
        """The stages' copies of whole policies."""
        return self.sft_policy, self.candidate


def with_snapshot(iterations: Path) -> Iterator[IterationFolder]:
    """The iterations whose snapshot is complete, oldest first, below the folder of all."""
    for digest in sorted(iterations.glob(f"*/snapshot/{DIGEST}")):
        yield IterationFolder(digest.parents[1])
