"""How far a policy with 8-bit weights is from the one that was trained, measured at loading."""

from collections.abc import Sequence

import torch

from server.generators.embedded.block_pool import BlockTable
from server.generators.embedded.model_runner import ModelRunner, ScheduledChunk
from server.generators.generator import Divergence

QUESTIONS = (
    "What is the capital of France?",
    "Write a short poem about the sea.",
    "How do I boil an egg?",
    "Explain why the sky is blue.",
)
TOKENS = 32  # of each answer
CACHE_TOKENS = 4096  # what the questions and answers need, with room for long chat templates


def measure(exact: ModelRunner, served: ModelRunner) -> Divergence:
    """Log-probabilities of both along the greedy responses of ``exact`` to a few questions."""
    prompts = [exact.encode([{"role": "user", "content": each}]) for each in QUESTIONS]
    expected = _read(exact, prompts)
    answers = expected.argmax(-1)  # [tokens, questions]
    found = _read(served, prompts, answers)
    difference = (found - expected).gather(-1, answers[..., None]).abs()
    agreed = (found.argmax(-1) == answers).float()
    return Divergence(float(difference.mean()), float(difference.max()), float(agreed.mean()))


def _read(
    runner: ModelRunner, prompts: Sequence[list[int]], answers: torch.Tensor | None = None
) -> torch.Tensor:
    """Log-probabilities [tokens, questions, vocabulary] along ``answers``, else along its own."""
    held = [BlockTable(runner.pool) for _ in prompts]
    coming: list[list[int]] = list(prompts)
    steps = []
    for step in range(TOKENS):
        chunks = [ScheduledChunk(table, tokens) for table, tokens in zip(held, coming, strict=True)]
        for chunk in chunks:
            chunk.table.reserve(chunk.end)
        steps.append(runner.logprobs(chunks, chunks))
        chosen = steps[-1].argmax(-1) if answers is None else answers[step]
        coming = [[token] for token in chosen.tolist()]
    for table in held:
        table.release()
    return torch.stack(steps)
