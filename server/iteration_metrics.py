"""Reads the files of a training iteration, also while it runs: metric rows and the report."""

from server.schemas.operator.operator import SignalWeight, StageMetrics
from tutelage import jsonl
from tutelage.iteration_folder import IterationFolder


def stages(iteration: IterationFolder) -> StageMetrics:
    """The curves of one iteration, also while it runs."""
    models = jsonl.read_growing(iteration.metrics("reward_model"))
    return StageMetrics(
        sft=jsonl.read_growing(iteration.metrics("sft")),
        reward_model={str(row.pop("model", index)): row for index, row in enumerate(models)},
        ppo=jsonl.read_growing(iteration.metrics("ppo")),
        signals=[
            SignalWeight.model_validate(row)
            for row in jsonl.read_growing(iteration.metrics("snapshot"))
        ],
    )
