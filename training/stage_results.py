"""What each stage of an iteration returns, as typed values; JSON keys are those of stored data."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import TypeAdapter

from training.evaluation.evaluate import EvaluationResult
from training.reward.validation import ValidationResult
from training.stage import Complete
from tutelage.iteration_folder import STAGES


@dataclass(frozen=True)
class SnapshotResult:
    """What was frozen."""

    sha256: str
    conversations: int
    counts: dict[str, int]  # rows by file and side of the split: "rankings/train"
    signals: list[dict[str, Any]]  # how far each agrees with judgements, and what it weighs

    def as_json(self) -> dict[str, Any]:
        """Flat."""
        found = {"sha256": self.sha256, "conversations": self.conversations} | self.counts
        return found | ({"signals": self.signals} if self.signals else {})

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The result that ``as_json`` was made of."""
        counts = {name: count for name, count in values.items() if "/" in name}
        return cls(values["sha256"], values["conversations"], counts, values.get("signals", []))


@dataclass(frozen=True)
class SFTResult:
    """How fine-tuning went."""

    metrics: dict[str, Any]  # losses before and after, counts, the epoch kept
    skipped: str | None = None  # why it was skipped; None: it was not

    def as_json(self) -> dict[str, Any]:
        """Flat."""
        return {"skipped": self.skipped} if self.skipped else self.metrics

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The result that ``as_json`` was made of."""
        skipped = values.get("skipped")
        return cls({} if skipped else values, skipped)


@dataclass(frozen=True)
class RewardModelResult:
    """The metrics of both reward models, and the proxy's validation."""

    proxy: dict[str, Any]
    held_out: dict[str, Any]
    validation: ValidationResult

    def as_json(self) -> dict[str, Any]:
        """By model; the validation's stored name is "examination"."""
        models = {"proxy": self.proxy, "held_out": self.held_out}
        return models | {"examination": asdict(self.validation)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The result that ``as_json`` was made of."""
        validation = TypeAdapter(ValidationResult).validate_python(values["examination"])
        return cls(values["proxy"], values["held_out"], validation)


@dataclass(frozen=True)
class PPOResult:
    """How PPO went, with the metrics of the update that was kept."""

    updates: int
    kept_update: int
    stop_reason: str
    metrics: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Flat."""
        named = {name: value for name, value in vars(self).items() if name != "metrics"}
        return self.metrics | named

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The result that ``as_json`` was made of."""
        named = {name: values[name] for name in ("updates", "kept_update", "stop_reason")}
        rest = {name: value for name, value in values.items() if name not in named}
        return cls(metrics=rest, **named)


@dataclass(frozen=True)
class CompleteStages:
    """All stages of an iteration that has trained."""

    snapshot: Complete[SnapshotResult]
    sft: Complete[SFTResult]
    reward_model: Complete[RewardModelResult]
    ppo: Complete[PPOResult]
    evaluation: Complete[EvaluationResult]

    def costs(self) -> dict[str, dict[str, float]]:
        """Seconds and memory by stage."""
        stages: dict[str, Complete[Any]] = {name: getattr(self, name) for name in STAGES}
        return {
            name: {"seconds": done.seconds, "peak_memory_mb": done.peak_memory_mb}
            for name, done in stages.items()
        }
