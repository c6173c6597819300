"""Reads what a training iteration has written so far: metric rows and the report."""

import json
from pathlib import Path
from typing import Any

from server.schemas.operator.operator import StageMetrics

METRICS = "metrics.jsonl"
REPORT = "report.html"


def stages(iteration: Path) -> StageMetrics:
    """The curves of one iteration, also while it runs."""
    models = rows(iteration / "reward_model" / METRICS)
    return StageMetrics(
        sft=rows(iteration / "sft" / METRICS),
        reward_model={str(row.pop("model", index)): row for index, row in enumerate(models)},
        ppo=rows(iteration / "ppo" / METRICS),
    )


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file; a last line that is only half written is left out.

    NaN and infinity, which JSON does not know, become null.
    """
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [row for line in lines if isinstance(row := _row(line), dict)]


def _row(line: str) -> Any:
    try:
        return json.loads(line, parse_constant=lambda _name: None)
    except ValueError:
        return None
