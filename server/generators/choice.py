"""Which in-process engine computes a policy: the one that is named, or the fitting one."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from server.generators.embedded.config import Unsupported, parse_config
from server.generators.embedded.graph import Precision
from server.generators.embedded.model_runner import ModelRunner, loading
from tutelage.policies.families import own_layers

log = logging.getLogger(__name__)
READS = "the embedded engine reads this family"


def load_fitting(
    policy_id: str, path: Path, threads: int, cache_tokens: int, weights: Precision = "auto"
) -> ModelRunner:
    """The embedded engine where it reads the model right, else transformers; logs why.

    A GPU is used where there is one, by transformers. Raises Unavailable where neither can serve.
    """
    from server.generators.embedded.graph_runner import load_graph
    from server.generators.paged.runner import load_paged

    asked = (policy_id, path, threads, cache_tokens, weights)
    with loading(policy_id, path):
        if torch.cuda.is_available():
            runner, reason = load_paged(*asked), "there is a CUDA device"
        else:
            try:
                runner, reason = load_graph(*asked), READS
            except Unsupported as error:
                runner, reason = load_paged(*asked), error.reason
                log.warning("%s is computed by %s: %s.", policy_id, runner.engine, reason)
        runner.engine = f"{runner.engine}: {reason}"
        return runner


def engine_for(config: Mapping[str, Any]) -> tuple[str, str]:
    """The engine that TUTELAGE_ENGINE=auto takes for a model, by its config.json, and why."""
    try:
        parse_config(json.dumps(config, default=str))
    except Unsupported as error:
        reason = error.reason
    else:
        if not torch.cuda.is_available():
            return "embedded", READS
        reason = "there is a CUDA device"
    own = own_layers(config)
    return ("vLLM or TGI", own) if own else ("transformers", reason)
