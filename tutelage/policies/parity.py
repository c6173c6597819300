"""Whether an engine computes what transformers does, on one short prompt.

A policy directory may hold the reference, ``parity.json``: the log-probabilities that transformers
gives. So an engine can compare itself without a second copy of the model in memory. Where the file
is absent the reference is computed.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.errors import Unavailable
from tutelage.policies.adapter import adapter_of

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

PARITY = "parity.json"
PROMPT = 12  # tokens that are read at once; one more is decoded
LIKELIEST = 10  # tokens that are compared at each position
# Nats that are rounding, by the type of the weights; what 8 bits cost is measured and shown.
BOUNDS = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.25, "int8": float("inf")}


@dataclass(frozen=True)
class Reference:
    """Of a prompt: at each position the likeliest next tokens and their log-probabilities.

    ``dtype`` is the type in which they were computed.
    """

    dtype: str
    ids: list[int]
    tokens: list[list[int]]
    logprobs: list[list[float]]

    def bound(self, dtype: str) -> float:
        """Largest difference in nats that is rounding when an engine computes in a type."""
        return max(BOUNDS[dtype], BOUNDS[self.dtype])

    def difference(self, found: "Tensor", position: int) -> float:
        """Largest difference in nats of found [vocabulary], the log-probabilities at a position.

        Infinite where found is not a number.
        """
        import torch

        expected = torch.tensor(self.logprobs[position])
        gap = (found.float().cpu()[self.tokens[position]] - expected).abs().max()
        return float(gap.nan_to_num(nan=torch.inf))


def sample_ids(vocabulary: int, count: int) -> list[int]:
    """Some token ids of a model, as different as its vocabulary allows."""
    return [(97 * place + 11) % vocabulary for place in range(count)]


def reference_of(model: "PreTrainedModel") -> Reference:
    """What a model's own forward pass gives."""
    import torch

    embedding = model.get_input_embeddings().weight
    ids = sample_ids(embedding.shape[0], PROMPT + 1)
    with torch.inference_mode():
        asked = torch.tensor([ids], device=embedding.device)
        logits = model(input_ids=asked, use_cache=False).logits[0].float()
    top = logits.log_softmax(-1).topk(min(LIKELIEST, logits.shape[-1]), -1)
    return Reference(type_of(model), ids, top.indices.tolist(), top.values.tolist())


def type_of(model: "PreTrainedModel") -> str:
    """The type of a model's weights, such as float32."""
    return str(model.dtype).removeprefix("torch.")


def write_reference(directory: Path, model: "PreTrainedModel") -> None:
    """Puts the reference beside a policy's weights."""
    reference = asdict(reference_of(model))
    reference["logprobs"] = [[round(p, 5) for p in row] for row in reference["logprobs"]]
    (directory / PARITY).write_text(json.dumps(reference) + "\n")


def read_reference(directory: Path) -> Reference:
    """The reference of a policy directory, computed in 32 bits where it is not stored."""
    file = directory / PARITY
    if file.is_file():
        return Reference(**json.loads(file.read_text()))
    return reference_of(load_whole(directory, "float32"))


def load_whole(directory: Path, dtype: str) -> "PreTrainedModel":
    """A policy as transformers loads it; ``dtype`` "auto" keeps the type of the files.

    An adapter is merged into its base. Attention is sdpa where the family has it, else eager, for
    which transformers makes masks. Raises Unavailable where the base is missing, or a weight, which
    transformers would make up.
    """
    from transformers import AutoModelForCausalLM

    adapter = adapter_of(directory)
    model, told = AutoModelForCausalLM.from_pretrained(
        adapter.base if adapter else directory,
        dtype=dtype, local_files_only=True, output_loading_info=True,
    )  # fmt: skip
    if told["missing_keys"]:
        first = min(told["missing_keys"])
        raise Unavailable(f"its weights do not fit its config.json: {first} is missing")
    model.set_attn_implementation("sdpa" if model._supports_sdpa else "eager")
    whole: PreTrainedModel = model.eval()
    if adapter:
        adapter.merge_into(whole)
    return whole
