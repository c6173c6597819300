"""Is the served policy the trained one? Log-probabilities compared with float32 transformers.

    tutelage bench fidelity --policy DATA/policies/policy-0001 --json
    tutelage bench fidelity --weights f16

The embedded generator samples responses to the shipped prompts at temperature 1; transformers then
computes the same tokens in one forward pass. `greedy` is the share of positions at which both have
the same most likely token. ``--weights`` is the service's TUTELAGE_WEIGHTS.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from common import base_policy
from transformers import AutoTokenizer

from server.generators.embedded.engine import EmbeddedGenerator
from server.generators.embedded.graph import Precision
from server.generators.generator import Sampling, Token
from tutelage.labeling.labeling import prompt_set
from tutelage.policies.parity import load_whole


async def sampled(
    policy: Path, prompts: Sequence[str], tokens: int, weights: Precision
) -> list[list[Token]]:
    """A response to each prompt, with log-probabilities as the server stores them."""
    generator = EmbeddedGenerator(threads=1, weights=weights)
    await generator.load("policy-0000", policy)
    answers = await asyncio.gather(
        *(_answer(generator, prompt, seed, tokens) for seed, prompt in enumerate(prompts))
    )
    await generator.close()
    return answers


async def _answer(generator: EmbeddedGenerator, prompt: str, seed: int, tokens: int) -> list[Token]:
    sampling = Sampling(seed=seed, max_tokens=tokens, top_logprobs=1)
    stream = await generator.start([{"role": "user", "content": prompt}], sampling)
    return [token async for token in stream]


def measure(
    policy: Path, prompts: Sequence[str], tokens: int, weights: Precision = "auto"
) -> dict[str, Any]:
    """Differences over all tokens, in nats."""
    answers = asyncio.run(sampled(policy, prompts, tokens, weights))
    model = load_whole(policy, "float32")
    tokenizer = AutoTokenizer.from_pretrained(policy)
    differences: list[float] = []
    agreed = 0
    for prompt, answer in zip(prompts, answers, strict=True):
        expected, likeliest = _plain(model, tokenizer, prompt, [each.token_id for each in answer])
        differences += [each.logprob - value for each, value in zip(answer, expected, strict=True)]
        agreed += sum(
            each.top[0].token_id == best for each, best in zip(answer, likeliest, strict=True)
        )
    found = torch.tensor(differences)
    return {
        "tokens": len(differences),
        "mean_difference": round(float(found.abs().mean()), 5),
        "largest_difference": round(float(found.abs().max()), 5),
        "bias": round(float(found.mean()), 6),
        "greedy": round(agreed / len(differences), 4),
    }


def _plain(
    model: Any, tokenizer: Any, prompt: str, answer: Sequence[int]
) -> tuple[list[float], list[int]]:
    """transformers' log-probabilities of a response, and its most likely token at each position."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    begun = tokenizer(text, add_special_tokens=False).input_ids
    with torch.no_grad():
        logits = model(torch.tensor([[*begun, *answer]])).logits[0, len(begun) - 1 : -1]
    logprobs = logits.log_softmax(-1)  # [tokens, vocabulary]
    chosen = logprobs.gather(1, torch.tensor(answer)[:, None])[:, 0]
    return chosen.tolist(), logprobs.argmax(-1).tolist()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with --json the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--policy", type=Path, help="a policy directory; default: the base policy")
    parser.add_argument("--weights", choices=get_args(Precision), default="auto")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64, help="at most, of each answer")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    prompts = prompt_set()[: options.prompts]
    result = measure(options.policy or base_policy(), prompts, options.tokens, options.weights)
    for name, value in result.items():
        print(f"{name:20} {value}")
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
