"""Our generator beside plain transformers `generate`: time to the first token, and tokens a second.

    python benchmarks/serve.py --policy data/policies/policy-0000 --threads 1 --json

Both serve the same float32 policy in one process with as many threads, taking turns; each round has
prompts of its own, so that nothing is known from an earlier one. N prompts arrive at once and each
is answered with the same number of tokens, sampled: `generate` takes them as one padded batch. No
answer ends early, since `generate` would go on computing it and the comparison would be unequal.
Reported are medians over the rounds; a ratio above 1 means that ours is faster.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.streamers import BaseStreamer

from server.generators.embedded import EmbeddedGenerator
from server.generators.generator import Sampling

CONCURRENCY = (1, 8, 16)
TEMPERATURE = 0.8


@dataclass(frozen=True)
class Measured:
    """One round on one side."""

    first_token: float  # seconds until the median response has its first token
    tokens_per_second: float
    tokens_per_cpu_second: float

    @classmethod
    def since(cls, clock: "Clock", first_token: float, tokens: int) -> "Measured":
        return cls(first_token, tokens / clock.wall(), tokens / clock.cpu())


class Clock:
    """Wall and processor time since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def wall(self) -> float:
        return time.perf_counter() - self._wall

    def cpu(self) -> float:
        return time.process_time() - self._cpu


class Ours:
    """The embedded generator, asked as the server asks it."""

    def __init__(self, policy: Path, threads: int) -> None:
        self._policy = policy
        self._generator = EmbeddedGenerator(threads=threads)

    async def load(self) -> None:
        await self._generator.load("policy-0000", self._policy)

    async def close(self) -> None:
        await self._generator.close()

    async def answer(self, prompts: Sequence[str], tokens: int) -> Measured:
        clock = Clock()
        firsts = await asyncio.gather(*(self._one(prompt, tokens, clock) for prompt in prompts))
        return Measured.since(clock, statistics.median(firsts), tokens * len(prompts))

    async def _one(self, prompt: str, tokens: int, clock: Clock) -> float:
        sampling = Sampling(temperature=TEMPERATURE, max_tokens=tokens)
        stream = await self._generator.start([{"role": "user", "content": prompt}], sampling)
        times = [clock.wall() async for _ in stream]
        assert len(times) == tokens, f"expected {tokens} tokens, got {len(times)}"
        return times[0]


class Peer:
    """transformers' `generate` on one left-padded batch."""

    def __init__(self, policy: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(policy, padding_side="left")
        self._model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32).eval()

    def answer(self, prompts: Sequence[str], tokens: int) -> Measured:
        clock = Clock()
        heard = FirstToken(clock)
        output = self._model.generate(
            **self._encode(prompts),
            streamer=heard,
            max_new_tokens=tokens,
            do_sample=True,
            temperature=TEMPERATURE,
            top_k=0,
            pad_token_id=0,
        )
        self._tokenizer.batch_decode(output[:, -tokens:], skip_special_tokens=True)
        return Measured.since(clock, heard.time, tokens * len(prompts))

    def _encode(self, prompts: Sequence[str]) -> Any:
        texts = [
            self._tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]
        return self._tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")


class FirstToken(BaseStreamer):  # type: ignore[misc]
    """Notes when the first tokens of a batch arrive; the prompt comes before them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls = 0
        self.time = 0.0

    def put(self, value: torch.Tensor) -> None:
        self._calls += 1
        if self._calls == 2:
            self.time = self._clock.wall()

    def end(self) -> None:
        """Nothing to note."""


def without_end(policy: Path, copy: Path) -> Path:
    """A copy of a policy directory that never ends a response."""
    for file in policy.iterdir():
        if file.name in ("config.json", "generation_config.json", "tokenizer_config.json"):
            settings = json.loads(file.read_text())
            kept = {key: value for key, value in settings.items() if not key.startswith("eos_")}
            (copy / file.name).write_text(json.dumps(kept))
        else:
            (copy / file.name).symlink_to(file.absolute())
    return copy


def shipped_prompts() -> Iterator[str]:
    """Prompts of people, without end."""
    lines = (files("tutelage") / "data" / "prompts.jsonl").read_text().splitlines()
    return itertools.cycle([json.loads(line)["prompt"] for line in lines])


def median(rounds: Sequence[Measured]) -> dict[str, float]:
    """The median of each figure."""
    rows = [asdict(each) for each in rounds]
    return {name: round(statistics.median(row[name] for row in rows), 3) for name in rows[0]}


async def compare(policy: Path, threads: int, tokens: int, rounds: int) -> dict[str, Any]:
    """Measure both sides at each concurrency."""
    torch.set_num_threads(threads)
    ours, peer, prompts = Ours(policy, threads), Peer(policy), shipped_prompts()
    await ours.load()
    result: dict[str, Any] = {"threads": threads, "tokens": tokens, "rounds": rounds}
    for concurrency in CONCURRENCY:
        pairs = []
        for _ in range(rounds + 1):
            first, second = (list(itertools.islice(prompts, concurrency)) for _ in range(2))
            pairs.append((await ours.answer(first, tokens), peer.answer(second, tokens)))
        sides = [median(side) for side in zip(*pairs[1:], strict=True)]  # the first warms up
        result[str(concurrency)] = dict(zip(("ours", "peer"), sides, strict=True))
    await ours.close()
    return result | {
        "ratios": _ratios(result, "tokens_per_second"),
        "cpu_ratios": _ratios(result, "tokens_per_cpu_second"),
    }


def _ratios(result: dict[str, Any], figure: str) -> dict[str, float]:
    sides = {str(n): result[str(n)] for n in CONCURRENCY}
    return {n: round(side["ours"][figure] / side["peer"][figure], 2) for n, side in sides.items()}


def _table(result: dict[str, Any]) -> str:
    lines = ["responses  side  first token  tokens/s  tokens/CPU-s"]
    for n, side in itertools.product(map(str, CONCURRENCY), ("ours", "peer")):
        row = result[n][side]
        lines.append(
            f"{n:>9}  {side}  {row['first_token']:>9.3f} s  {row['tokens_per_second']:>8.1f}"
            f"  {row['tokens_per_cpu_second']:>12.1f}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with --json the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--policy", type=Path, required=True, help="a policy directory")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        policy = without_end(options.policy, Path(folder))
        result = asyncio.run(compare(policy, options.threads, options.tokens, options.rounds))
    print(_table(result))
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
