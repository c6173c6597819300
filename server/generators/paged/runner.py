"""A policy that transformers computes, whatever its family, on a GPU where there is one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoConfig

from server.generators.chat_template import ChatTemplate
from server.generators.embedded.block_pool import BlockPool
from server.generators.embedded.config import Unsupported
from server.generators.embedded.graph import Precision
from server.generators.embedded.model_runner import (
    ModelRunner,
    Predictions,
    ScheduledChunk,
    loading,
)
from server.generators.paged.attention import BLOCK, NAME, KeysAndValues, Step, attending
from server.generators.paged.shared_base import SharedModel
from tutelage.policies.families import attention_window, context_of, own_layers
from tutelage.policies.parity import read_reference, reference_of, type_of

TYPES = {"auto": "auto", "f16": "float16", "bf16": "bfloat16"}


class PagedRunner(ModelRunner):
    """``cache_tokens`` is its KV-cache capacity in tokens, of all sequences together."""

    def __init__(
        self, policy_id: str, path: Path, shared: SharedModel, threads: int, cache_tokens: int
    ) -> None:
        model = shared.model
        super().__init__(policy_id, ChatTemplate(path), context_of(model.config.to_dict()))
        self.engine = f"transformers, {type_of(model)} on {model.device}"
        self._shared, self._model = shared, model
        self._threads = threads or len(os.sched_getaffinity(0))
        blocks = -(-cache_tokens // BLOCK)
        self._store = KeysAndValues(blocks)
        self.pool = BlockPool(self._store.arrays, blocks, BLOCK)

    @torch.no_grad()
    def predict(
        self, chunks: Sequence[ScheduledChunk], wanted: Sequence[ScheduledChunk]
    ) -> Predictions:
        """As the parent's."""
        step = Step(chunks, self._store, self._model.device)
        last = torch.tensor([step.last(chunk) for chunk in wanted], device=self._model.device)
        with attending(step), _threads(self._threads):
            logits = self._model(
                input_ids=step.ids[None],
                position_ids=step.positions[None],
                use_cache=False,
                logits_to_keep=last.long(),
            ).logits[0]
        for chunk in chunks:
            chunk.table.advance(chunk.tokens)
        logits = logits.float()
        normalizers = logits.logsumexp(-1)
        return Predictions(logits - normalizers[:, None], normalizers)

    def check_windows(self) -> None:
        """Raises Unsupported where the family keeps its attention windows to itself."""
        window = attention_window(self._model.config.to_dict())
        if window and window not in self._store.windows:
            raise Unsupported(
                f"models of type {self._model.config.model_type!r} do not tell their attention "
                f"window of {window} tokens",
                "serve it through vLLM or TGI",
            )


def load_policy(
    policy_id: str, path: Path, threads: int, cache_tokens: int, weights: Precision = "auto"
) -> ModelRunner:
    """Load a policy directory; raises Unavailable saying why when it cannot be served.

    ``weights`` auto keeps the type of the files; ``threads`` 0 stands for all cores.
    """
    with loading(policy_id, path):
        return load_paged(policy_id, path, threads, cache_tokens, weights)


def load_paged(
    policy_id: str, path: Path, threads: int, cache_tokens: int, weights: Precision
) -> ModelRunner:
    """As ``load_policy``, but raises what transformers raises, and Unsupported where this engine
    does not compute what transformers' own attention does.
    """
    if weights not in TYPES:
        raise Unsupported(f"weights in {weights} need the embedded engine", "set TUTELAGE_WEIGHTS")
    config = AutoConfig.from_pretrained(path, local_files_only=True).to_dict()
    if own := own_layers(config):
        raise Unsupported(own, "serve it through vLLM or TGI")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shared = SharedModel(path, TYPES[weights], device)
    reference = read_reference(path) if shared.adapted else reference_of(shared.model)
    shared.model.set_attn_implementation(NAME)
    runner = PagedRunner(policy_id, path, shared, threads, cache_tokens)
    runner.check(reference, type_of(shared.model))
    runner.check_windows()
    return runner


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Inside, torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
