"""Reads the files of a training iteration, also while it runs: metric rows and the report."""

from pathlib import Path

from server.schemas.operator.operator import StageMetrics
from tutelage import jsonl

METRICS = "metrics.jsonl"
REPORT = "report.html"


def stages(iteration: Path) -> StageMetrics:
    """The curves of one iteration, also while it runs."""
    models = jsonl.read_growing(iteration / "reward_model" / METRICS)
    return StageMetrics(
        sft=jsonl.read_growing(iteration / "sft" / METRICS),
        reward_model={str(row.pop("model", index)): row for index, row in enumerate(models)},
        ppo=jsonl.read_growing(iteration / "ppo" / METRICS),
    )
