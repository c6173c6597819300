"""How a runner reads two texts side by side, in chunks and token by token, and how it should."""

from collections.abc import Iterator
from pathlib import Path

import torch

from server.generators.embedded.block_pool import BlockTable
from server.generators.embedded.model_runner import ModelRunner, ScheduledChunk
from tutelage.policies.parity import load_whole

LENGTHS = {"long": 40, "short": 24}  # longer than the windows of the twins
ENDS = [(20, 24), (37, 24), (38, 24), (40, 24)]  # how far each is read after each step
TEXTS = {name: [(31 * i + 7) % 250 + 3 for i in range(n)] for name, n in LENGTHS.items()}


def largest_difference(runner: ModelRunner, path: Path) -> float:
    """Of a log-probability from what transformers gives, in nats."""
    return difference_from(load_whole(path, "float32"), runner)


def difference_from(model: torch.nn.Module, runner: ModelRunner) -> float:
    """The same from what a model of transformers gives."""
    with torch.no_grad():
        own = {
            name: model(torch.tensor([ids])).logits[0].log_softmax(-1)
            for name, ids in TEXTS.items()
        }
    return max(float((row - own[name][place]).abs().max()) for name, place, row in _read(runner))


def _read(runner: ModelRunner) -> Iterator[tuple[str, int, torch.Tensor]]:
    """Each text's name, a position, and the log-probabilities there [vocabulary]."""
    tables = {name: BlockTable(runner.pool) for name in TEXTS}
    for ends in ENDS:
        chunks = {
            name: ScheduledChunk(tables[name], TEXTS[name][tables[name].length : end])
            for name, end in zip(TEXTS, ends, strict=True)
            if tables[name].length < end
        }
        for chunk in chunks.values():
            chunk.table.reserve(chunk.end)
        rows = runner.logprobs(list(chunks.values()), list(chunks.values()))
        for name, row in zip(chunks, rows, strict=True):
            yield name, tables[name].length - 1, row
