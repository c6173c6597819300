"""Training metrics to the trackers of the field, under the names that the iteration's files have.

``TUTELAGE_TRACKERS`` names them; accelerate knows how to reach each. A tracker that fails is
logged and never stops an iteration.
"""

import logging
from pathlib import Path
from typing import Any

from tutelage import extras, jsonl
from tutelage.iteration_folder import IterationFolder
from tutelage.settings import Settings, listed

logger = logging.getLogger(__name__)

FOLDER = "tracking"  # of TensorBoard's event files, in the data folder
PROJECT = "tutelage"


def track_stage(settings: Settings, folder: IterationFolder, stage: str) -> None:
    """Give the curve of a stage that has ended to each tracker."""
    rows = scalars(jsonl.read_growing(folder.metrics(stage)))
    for name in listed(settings.trackers) if rows else ():
        try:
            _send(name, settings.data, folder.id, stage, rows)
        except Exception as error:  # of a library or a server that is not ours
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            logger.warning("%s of %s was not sent to %s: %s", stage, folder.id, name, reason)


def scalars(rows: list[dict[str, Any]]) -> list[tuple[int, dict[str, float]]]:
    """The step and the numbers of each row; the rows of a model bear its name."""
    found = []
    for index, row in enumerate(rows):
        prefix = f"reward_model/{row['model']}/" if "model" in row else ""
        step = int(row.get("update", row.get("step", index)))
        numbers = {
            prefix + name: float(value)
            for name, value in row.items()
            if isinstance(value, int | float) and name not in ("update", "step")
        }
        found.append((0 if prefix else step, numbers))
    return found


def _send(
    name: str, data: Path, run: str, stage: str, rows: list[tuple[int, dict[str, float]]]
) -> None:
    from accelerate import PartialState
    from accelerate.tracking import MLflowTracker, TensorBoardTracker, TrackioTracker

    PartialState(cpu=True)  # accelerate asks which process this is
    if name == "tensorboard":
        extras.require("tensorboard")
        tracker: Any = TensorBoardTracker(run, logging_dir=data / FOLDER)
    elif name == "mlflow":
        tracker = MLflowTracker(PROJECT, run_name=f"{run} {stage}")
    else:
        tracker = TrackioTracker(PROJECT, name=f"{run} {stage}")
    tracker.start()
    for step, values in rows:
        tracker.log(values, step=step)
    tracker.finish()
