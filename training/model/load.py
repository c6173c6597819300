"""Reads a policy directory for training, on the fast path where the family allows it.

``SplitModel`` is the fast path, ``GeneralModel`` the general one. Both are compared with the
model's own forward pass at load; a family that neither reads right is refused.
"""

import logging
from pathlib import Path

from transformers import AutoConfig, PreTrainedModel

from training import parallel
from training.config import IterationConfig
from training.model.frozen_linear import operands_of
from training.model.general_model import GeneralModel
from training.model.parity import bound, largest_difference
from training.model.split_model import SplitModel
from tutelage.errors import Unavailable
from tutelage.policies.families import reason_for_general_path, refusal
from tutelage.policies.parity import load_whole

log = logging.getLogger(__name__)
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


def load_model(policy_dir: Path, config: IterationConfig) -> SplitModel:
    """Reads a policy directory.

    Raises: Unavailable: the architecture cannot be trained here, or is not read right.
    """
    model = read(policy_dir, config)
    facts = model.config.to_dict()
    operands = operands_of(config.precision)
    kind = GeneralModel if reason_for_general_path(facts) else SplitModel
    split = kind(model, config.top_layers, operands)
    gap = largest_difference(split)
    if kind is SplitModel and gap > bound(split.dtype):
        log.warning(
            "%s: the fast path is off by %.2g nats; the general one is used", policy_dir, gap
        )
        split = GeneralModel(model, config.top_layers, operands)
        gap = largest_difference(split)
    if gap > bound(split.dtype):
        raise Unavailable(
            f"Models of type {facts['model_type']!r} cannot be trained here: log-probabilities "
            f"differ from the model's own by {gap:.2g} nats, the bound is {bound(split.dtype):g}. "
            "docs/models.md lists the families that can."
        )
    if config.shard and parallel.size() > 1:
        split.shard()
    else:
        split.release()
    return split


def read(policy_dir: Path, config: IterationConfig) -> PreTrainedModel:
    """The model as transformers loads it, on the device, in the type that the settings name."""
    architecture = AutoConfig.from_pretrained(policy_dir, local_files_only=True)
    problem = refusal(architecture.to_dict())
    if problem:
        raise Unavailable(problem)
    # Kernels of different implementations differ in whether they need a mask to be causal. The
    # general path makes masks for either; the fast path is for families that have sdpa.
    model = load_whole(policy_dir, DTYPES[config.dtype])
    for parameter in model.parameters():  # off the mapped file, which can then go
        parameter.data = parameter.data.clone()
    return model.to(config.device)
