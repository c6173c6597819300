"""How often responses repeat themselves, by sampling defaults.

    tutelage bench loops --json

Sixteen everyday prompts, the shipped starters among them, are answered by the bundled policy under
each of the settings below. `loops` counts responses that the loop stopper ends, `unfinished` those
that reach the limit of 512 tokens without it.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from typing import Any

from common import base_policy, tell

from server.chat.loop_stopper import LoopStopper
from server.generators.embedded.engine import EmbeddedGenerator
from server.generators.generator import Sampling
from tutelage.settings import SHIPPED_STARTERS, Settings

PROMPTS = [
    *(starter.text for starter in SHIPPED_STARTERS),
    "Hello! Who are you?",
    "What is the capital of Portugal?",
    "How do I boil an egg?",
    "Give me three tips for a job interview.",
    "Write a poem about the sea.",
    "Why is the sky blue?",
    "Suggest a name for a small bakery and say why.",
    "How can I fall asleep faster?",
    "Summarise the story of Cinderella in three sentences.",
    "What is the difference between a virus and a bacterium?",
    "Write a Python function that reverses a string.",
    "I feel nervous about my exam tomorrow. What should I do?",
]
PENALTIES = (0.0, 0.1, 0.2, 0.3, 0.4)
LONGEST = 512


async def _answer(
    generator: EmbeddedGenerator, prompt: str, sampling: Sampling, loop_tokens: int
) -> tuple[str, str]:
    stream = await generator.start([{"role": "user", "content": prompt}], sampling)
    loop, text = LoopStopper(loop_tokens), ""
    async for token in stream:
        text += token.text
        if loop.push(token.token_id):
            await stream.aclose()
            return text, "loop"
    return text, stream.finish_reason or ""


async def measure(penalties: Sequence[float], seeds: int, show: bool) -> dict[str, Any]:
    """By penalty: loops, responses without an end, words of a response, seconds for all."""
    settings = Settings()
    generator = EmbeddedGenerator(threads=settings.threads)
    await generator.load("policy-0000", base_policy())
    result: dict[str, Any] = {"responses": len(PROMPTS) * seeds}
    for penalty in penalties:
        began = time.perf_counter()
        answers = await asyncio.gather(
            *(
                _answer(
                    generator,
                    prompt,
                    Sampling(
                        settings.temperature,
                        settings.top_p,
                        LONGEST,
                        seed,
                        frequency_penalty=penalty,
                    ),
                    settings.loop_tokens,
                )
                for prompt in PROMPTS
                for seed in range(seeds)
            )
        )
        words = sorted(len(text.split()) for text, _ in answers)
        result[f"frequency_penalty={penalty}"] = {
            "loops": sum(reason == "loop" for _, reason in answers),
            "unfinished": sum(reason == "length" for _, reason in answers),
            "words": words[len(words) // 2],
            "seconds": round(time.perf_counter() - began, 1),
        }
        if show:
            for (text, reason), place in zip(answers, range(len(answers)), strict=True):
                print(f"--- {penalty} {reason}: {PROMPTS[place // seeds]}\n{text}\n")
    await generator.close()
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--penalties", type=float, nargs="+", default=PENALTIES)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print the responses")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tell(asyncio.run(measure(options.penalties, options.seeds, options.show)), options.json)
