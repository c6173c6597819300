"""Engine and server compared with transformers and llama.cpp: throughput, time to first token.

    tutelage bench serve --json
    tutelage bench serve --llama NODE_MODULES     also llama.cpp (npm install node-llama-cpp)
    tutelage bench serve --genai                  also openvino-genai, in its own venv, in the
                                                  precision that tutelage has on this processor
    tutelage bench serve --general                only the engine on transformers, on a GPU if any

All serve the same policy with the same number of threads, pinned to the same cores, and take turns
round by round. Each round has new prompts, so that no cache helps. N prompts arrive at once, and
each gets a sampled response with the same number of tokens. No response ends early: transformers'
`generate`, which takes the prompts as one padded batch, would go on computing it. The server is a
separate process, called over HTTP with server-sent events by a client on another core, with
moderation and storage as shipped. Medians over the rounds are reported; a ratio above 1 means that
tutelage is faster.

The waterfall says where a request's time goes, in means per turn, in ms: `resolve` (its place in
the stored tree), `moderation` (the prompt's check, beside `start`), `start` (template, tokens),
`store` (of prompt and response together), `queue`, `prompt` (until the first token), `hold` (until
the filter lets the first text pass), `http` (what the client waits for its first text beyond what
the server measures), and the client's gaps between two pieces of text, p50 and p95.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import torch
from common import peer_python
from prometheus_client.parser import text_string_to_metric_families
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.streamers import BaseStreamer

from moderation.categories import CATEGORIES
from server.generators.embedded.engine import EmbeddedGenerator
from server.generators.embedded.graph import native
from server.generators.generator import Sampling
from server.generators.paged.runner import load_policy
from tutelage.composition import Core, open_core
from tutelage.labeling.labeling import prompt_set
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.policies.base import build
from tutelage.policies.export import export_gguf
from tutelage.settings import Settings
from tutelage.tables import Role

CONCURRENCY = (1, 8, 16)
TEMPERATURE = 0.8
PEERS = Path(__file__).parents[1] / "peers"
GENAI = ("openvino-genai>=2026.4,<2026.5",)
PREFIXES = {"transformers": "", "llama.cpp": "llama_", "openvino-genai": "genai_"}
WARNS = {"response": dict.fromkeys(CATEGORIES, "warn")}  # so nothing waits for a verdict
CORES = sorted(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Measured:
    """One round on one side."""

    first_token: float  # seconds until the median response has its first token
    tokens_per_second: float
    tokens_per_cpu_second: float

    @classmethod
    def of(cls, firsts: Sequence[float], tokens: int, wall: float, cpu: float) -> "Measured":
        return cls(statistics.median(firsts), tokens / wall, tokens / cpu)


class Stopwatch:
    """Wall and CPU time since its construction."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def wall(self) -> float:
        return time.perf_counter() - self._wall

    def cpu(self) -> float:
        return time.process_time() - self._cpu


class System(Protocol):
    """Something that responds to prompts."""

    async def answer(self, prompts: Sequence[str], tokens: int) -> Measured: ...


class EmbeddedEngine:
    """The embedded generator, called as the server calls it."""

    def __init__(self, generator: EmbeddedGenerator) -> None:
        self._generator = generator

    async def answer(self, prompts: Sequence[str], tokens: int) -> Measured:
        clock = Stopwatch()
        firsts = await asyncio.gather(*(self.first(prompt, tokens, clock) for prompt in prompts))
        return Measured.of(firsts, tokens * len(prompts), clock.wall(), clock.cpu())

    async def first(self, prompt: str, tokens: int, clock: Stopwatch) -> float:
        """Generate one response; the time of its first token."""
        sampling = Sampling(temperature=TEMPERATURE, max_tokens=tokens)
        stream = await self._generator.start(said(prompt), sampling)
        times = [clock.wall() async for _ in stream]
        assert len(times) == tokens, f"expected {tokens} tokens, got {len(times)}"
        return times[0]

    async def turns(self, words: int) -> tuple[float, float]:
        """Time to first token of a long conversation's first and second turn."""
        opening = " ".join(f"{words}word{number}" for number in range(words))  # known to no round
        dialogue = said(opening)
        firsts = []
        for _ in range(2):
            clock = Stopwatch()
            stream = await self._generator.start(dialogue, Sampling(TEMPERATURE, max_tokens=16))
            tokens = [(token.text, clock.wall()) async for token in stream]
            firsts.append(tokens[0][1])
            answer = {"role": "assistant", "content": "".join(text for text, _ in tokens)}
            dialogue = [*dialogue, answer, *said("And then?")]
        return firsts[0], firsts[1]


class Transformers:
    """`generate` on one left-padded batch."""

    def __init__(self, policy: Path, dtype: torch.dtype, device: str = "cpu") -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(policy, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(policy, dtype=dtype).eval()
        self.dtype = dtype
        self._model = model.to(device)

    async def answer(self, prompts: Sequence[str], tokens: int) -> Measured:
        clock = Stopwatch()
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
        return Measured.of([heard.time], tokens * len(prompts), clock.wall(), clock.cpu())

    def _encode(self, prompts: Sequence[str]) -> Any:
        texts = [templated(self._tokenizer, prompt) for prompt in prompts]
        padded = self._tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")
        return padded.to(self._model.device)


async def faster(policy: Path) -> Transformers:
    """`generate` in the type that this processor multiplies faster, 32 bits or bfloat16."""
    speeds = {}
    for dtype in (torch.float32, torch.bfloat16):
        side = Transformers(policy, dtype)
        await side.answer(["Hello"], 4)
        speeds[side] = (await side.answer(["Hello"] * 4, 16)).tokens_per_second
    return max(speeds, key=lambda side: speeds[side])


class FirstToken(BaseStreamer):  # type: ignore[misc]
    """Records when the first tokens of a batch arrive, after the prompt."""

    def __init__(self, clock: Stopwatch) -> None:
        self._clock = clock
        self._calls = 0
        self.time = 0.0

    def put(self, value: torch.Tensor) -> None:
        self._calls += 1
        if self._calls == 2:
            self.time = self._clock.wall()

    def end(self) -> None:
        """Nothing to note."""


class Piped:
    """A peer in its own process, called by lines of JSON; ``encode`` gives it a prompt."""

    def __init__(self, command: Sequence[Any], encode: Callable[[str], Any]) -> None:
        self._encode = encode
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._read()

    async def answer(self, prompts: Sequence[str], tokens: int) -> Measured:
        encoded = [self._encode(prompt) for prompt in prompts]
        asked = {"prompts": encoded, "tokens": tokens, "temperature": TEMPERATURE}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        found = self._read()
        return Measured.of(found["firsts"], found["tokens"], found["wall"], found["cpu"])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _read(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


def piped(policy: Path, folder: Path, options: argparse.Namespace) -> dict[str, Piped]:
    """The peers that read the policy as an F16 GGUF file, if requested."""
    tokenizer = AutoTokenizer.from_pretrained(policy)
    file, threads, found = folder / "policy.gguf", str(options.threads), {}
    if options.llama or options.genai:
        export_gguf(policy, file, "policy")
    if options.llama:
        command = ["node", PEERS / "llama.mjs", options.llama.absolute(), file, threads]
        found["llama.cpp"] = Piped(command, lambda prompt: encoded(tokenizer, prompt))
    if options.genai:
        python = peer_python("genai", GENAI)
        precision = {"bf16": "bf16", "f16": "f32"}[native()]  # of the products, as ours
        command = [python, PEERS / "genai.py", file, threads, precision]
        found["openvino-genai"] = Piped(command, lambda prompt: templated(tokenizer, prompt))
    return found


def encoded(tokenizer: Any, prompt: str) -> list[int]:
    """The policy's input, as tokens."""
    ids: list[int] = tokenizer(templated(tokenizer, prompt), add_special_tokens=False).input_ids
    return ids


class ServiceProcess:
    """The whole service in its own process, over HTTP."""

    def __init__(
        self, core: Core, threads: int, moderation: bool, actions: Mapping[str, Any] | None = None
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with core.store.write() as session:
            user = people.create_user(session, "benchmark", Role.USER)
            self.key = people.create_key(session, user, "benchmark", actor="cli")[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tutelage", "serve", "--port", str(port)]
        settings = {"TUTELAGE_DATA": str(core.settings.data), "TUTELAGE_RATE_LIMIT": "0"}
        settings |= {"TUTELAGE_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        settings |= {} if moderation else {"TUTELAGE_MODERATION": "off"}
        settings |= {"TUTELAGE_MODERATION_ACTIONS": json.dumps(actions)} if actions else {}
        quiet = subprocess.DEVNULL
        self.texts: list[list[float]] = []  # when the pieces of each response came, in seconds
        self._process = subprocess.Popen(command, env=os.environ | settings, stdout=quiet)
        os.sched_setaffinity(self._process.pid, CORES[:threads])
        self._client = httpx.AsyncClient(
            base_url=self.url,
            headers={"authorization": f"Bearer {self.key}"},
            timeout=httpx.Timeout(120, pool=None),
        )

    async def ready(self) -> None:
        """Wait until a policy is loaded."""
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if (await self._client.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.2)
        raise RuntimeError("the server did not become ready")

    async def answer(self, prompts: Sequence[str], tokens: int) -> Measured:
        cpu, began = self._cpu(), time.perf_counter()
        answers = await asyncio.gather(*(self._one(prompt, tokens) for prompt in prompts))
        wall = time.perf_counter() - began
        firsts, counts = zip(*answers, strict=True)  # moderation may end an answer early
        return Measured.of(firsts, sum(counts), wall, self._cpu() - cpu)

    async def close(self) -> None:
        await self._client.aclose()
        self._process.terminate()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()

    async def _one(self, prompt: str, tokens: int) -> tuple[float, int]:
        asked = {"model": "tutelage", "messages": said(prompt), "max_tokens": tokens}
        asked |= {"temperature": TEMPERATURE, "stream": True}
        asked |= {"stream_options": {"include_usage": True}}
        usage, began, times = 0, time.perf_counter(), list[float]()
        async with self._client.stream("POST", "/v1/chat/completions", json=asked) as answer:
            async for line in answer.aiter_lines():
                chunk = json.loads(line[6:]) if line.startswith("data: {") else {}
                if any(each["delta"].get("content") for each in chunk.get("choices", ())):
                    times.append(time.perf_counter() - began)
                usage = (chunk.get("usage") or {}).get("completion_tokens", usage)
        self.texts.append(times)
        return times[0] if times else 0.0, usage

    async def stages(self) -> dict[str, tuple[float, float]]:
        """Of each stage of a turn so far: its seconds, and how often it was measured."""
        text = (await self._client.get("/metrics")).text
        found: dict[str, dict[str, float]] = {}
        for family in text_string_to_metric_families(text):
            for each in family.samples:
                name = each.labels.get("stage")
                if family.name == "tutelage_first_token_seconds":
                    name = "first_text"
                if name and each.name.endswith(("_sum", "_count")):
                    found.setdefault(name, {})[each.name.rpartition("_")[2]] = each.value
        return {name: (each["sum"], each["count"]) for name, each in found.items()}

    def _cpu(self) -> float:
        """CPU-seconds that the server has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def said(prompt: str) -> list[dict[str, str]]:
    """A dialogue of one message."""
    return [{"role": "user", "content": prompt}]


def templated(tokenizer: Any, prompt: str) -> str:
    """The policy's input, as text."""
    text: str = tokenizer.apply_chat_template(
        said(prompt), tokenize=False, add_generation_prompt=True
    )
    return text


def without_end(policy: Path, copy: Path) -> None:
    """A copy of a policy directory that never ends a response."""
    for file in policy.iterdir():
        if file.name in ("config.json", "generation_config.json", "tokenizer_config.json"):
            settings = json.loads(file.read_text())
            ended = {key: None for key in settings if key.startswith("eos_")}  # left out: default
            (copy / file.name).write_text(json.dumps(settings | ended))
        elif file.name != "manifest.json":
            (copy / file.name).symlink_to(file.absolute())


def shipped_prompts() -> Iterator[str]:
    """The shipped prompts, endlessly."""
    return itertools.cycle(prompt_set())


def bytes_per_second(threads: int) -> float:
    """Memory bandwidth of these cores: the sum of an array far larger than the cache."""
    torch.set_num_threads(threads)
    block = torch.ones(2**28, dtype=torch.float32)
    best = min(_timed(block.sum) for _ in range(5))
    return block.nbytes / best


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def matrix_bytes(policy: Path) -> float:
    """What one decoding step reads at least: every matrix once, in 16 bits."""
    model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32)
    return float(sum(2 * each.numel() for each in model.parameters() if each.ndim > 1))


async def measure(
    sides: dict[str, System], concurrency: int, tokens: int, rounds: int, prompts: Iterator[str]
) -> dict[str, dict[str, float]]:
    """Medians of every side at one concurrency; the sides take turns, the first round warms up."""
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, side in sides.items():
            asked = list(itertools.islice(prompts, concurrency))
            found[name].append(await side.answer(asked, tokens))
    return {name: _median(each[1:]) for name, each in found.items()}


async def waterfall(
    server: ServiceProcess, concurrency: int, tokens: int, rounds: int, prompts: Iterator[str]
) -> dict[str, float]:
    """Means of a turn's stages in ms, and the quantiles of the gaps between pieces of text."""
    await server.answer(list(itertools.islice(prompts, concurrency)), tokens)
    before = await server.stages()
    server.texts.clear()
    for _ in range(rounds):
        await server.answer(list(itertools.islice(prompts, concurrency)), tokens)
    turns = len(server.texts)
    spent = {name: each[0] - before[name][0] for name, each in (await server.stages()).items()}
    firsts = sum(times[0] for times in server.texts if times)
    spent["http"] = firsts - spent.pop("first_text")
    gaps = [b - a for times in server.texts for a, b in itertools.pairwise(times)]
    middle, late = np.quantile(gaps or [0.0], (0.5, 0.95))
    spent |= {"gap_p50": turns * float(middle), "gap_p95": turns * float(late)}
    return {name: round(1000 * seconds / turns, 1) for name, seconds in spent.items()}


def _median(rounds: Sequence[Measured]) -> dict[str, float]:
    rows = [asdict(each) for each in rounds]
    return {name: round(statistics.median(row[name] for row in rows), 3) for name in rows[0]}


async def compare(core: Core, policy: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Engines first, then the server relative to the bare engine."""
    threads, tokens, rounds = options.threads, options.tokens, options.rounds
    prompts = shipped_prompts()
    os.sched_setaffinity(0, CORES[:threads])
    torch.set_num_threads(threads)
    limit = bytes_per_second(threads) / matrix_bytes(policy)
    generator = EmbeddedGenerator(threads=threads)
    await generator.load("policy-0000", policy)
    engine, peer = EmbeddedEngine(generator), await faster(policy)
    sides: dict[str, System] = {
        "ours": engine,
        "transformers": peer,
    }
    peers = piped(policy, core.settings.data, options)
    sides |= peers
    rows = {str(n): await measure(sides, n, tokens, rounds, prompts) for n in CONCURRENCY}
    first, second = zip(*[await engine.turns(120 + i) for i in range(rounds)], strict=True)
    await generator.close()
    for each in peers.values():
        each.close()
    result = {"threads": threads, "tokens": tokens, "rounds": rounds, "engines": rows}
    result |= _ratios(rows)
    result["precisions"] = {"ours": native(), "transformers": str(peer.dtype)}
    one = rows["1"]["ours"]["tokens_per_second"]
    result["bandwidth_share"] = round(one / limit, 2)
    result["second_turn"] = {
        "first_turn_s": round(statistics.median(first), 3),
        "second_turn_s": round(statistics.median(second), 3),
        "ratio": round(statistics.median(first) / statistics.median(second), 1),
    }
    return result | await served(core, policy, options, prompts)


async def general(policy: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The engine that serves any family, and `generate`: float32 on a CPU, bfloat16 on a GPU."""
    os.sched_setaffinity(0, CORES[: options.threads])
    torch.set_num_threads(options.threads)
    device, weights = ("cuda", "bf16") if torch.cuda.is_available() else ("cpu", "auto")
    dtype = torch.bfloat16 if weights == "bf16" else torch.float32
    generator = EmbeddedGenerator(threads=options.threads, load=load_policy, weights=weights)
    await generator.load("policy-0000", policy)
    sides: dict[str, System] = {
        "general": EmbeddedEngine(generator),
        "transformers": Transformers(policy, dtype, device),
    }
    prompts = shipped_prompts()
    streams = (1, 8, 32) if device == "cuda" else (1, 8)
    rows = {
        str(n): await measure(sides, n, options.tokens, options.rounds, prompts) for n in streams
    }
    await generator.close()
    speed = {
        n: round(_tokens_per_second(row, "general") / _tokens_per_second(row, "transformers"), 2)
        for n, row in rows.items()
    }
    return {"threads": options.threads, "engines": rows, "server": {}, "general_speed": speed}


def _tokens_per_second(row: dict[str, dict[str, float]], name: str) -> float:
    return row[name]["tokens_per_second"]


async def served(
    core: Core, policy: Path, options: argparse.Namespace, prompts: Iterator[str]
) -> dict[str, Any]:
    """The server relative to the bare engine on the same cores: moderated as shipped, where text
    waits for a verdict; without categories that block; and without moderation."""
    generator = EmbeddedGenerator(threads=options.threads)
    await generator.load("policy-0000", policy)
    sides: dict[str, System] = {
        "engine": Pinned(EmbeddedEngine(generator), CORES[: options.threads])
    }
    servers = {
        "server": ServiceProcess(core, options.threads, True),
        "warning": ServiceProcess(core, options.threads, True, WARNS),
        "unmoderated": ServiceProcess(core, options.threads, False),
    }
    others = CORES[options.threads :] or CORES
    for name, server in servers.items():
        await server.ready()
        sides[name] = Pinned(server, others)
    rows = {
        str(n): await measure(sides, n, options.tokens, options.rounds, prompts)
        for n in CONCURRENCY
    }
    shipped = servers["server"]
    falls = {
        str(n): await waterfall(shipped, n, options.tokens, options.rounds, prompts)
        for n in CONCURRENCY
    }
    for server in servers.values():
        await server.close()
    await generator.close()
    share = {n: _share(row, "server") for n, row in rows.items()}
    return {
        "server": rows,
        "server_share": share["8"],
        "server_shares": share,
        "unmoderated_shares": {n: _share(row, "unmoderated") for n, row in rows.items()},
        "waterfall": falls,
        "first_token_added_ms": {name: _added_ms(rows, name) for name in servers},
    }


class Pinned:
    """A side that is called from certain cores."""

    def __init__(self, side: System, cores: Sequence[int]) -> None:
        self._side = side
        self._cores = cores

    async def answer(self, prompts: Sequence[str], tokens: int) -> Measured:
        for task in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(task), self._cores)
        return await self._side.answer(prompts, tokens)


def _share(row: dict[str, dict[str, float]], name: str) -> float:
    return round(row[name]["tokens_per_second"] / row["engine"]["tokens_per_second"], 2)


def _added_ms(rows: dict[str, dict[str, dict[str, float]]], name: str) -> dict[str, int]:
    """What a server adds to the bare engine's time to first token."""
    return {
        n: round(1000 * (row[name]["first_token"] - row["engine"]["first_token"]))
        for n, row in rows.items()
    }


def _ratios(rows: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Tutelage over each peer, by wall clock and by CPU time."""
    found: dict[str, Any] = {}
    for peer in [name for name in rows["1"] if name != "ours"]:
        prefix = PREFIXES[peer]
        for figure, title in (
            ("tokens_per_second", "ratios"),
            ("tokens_per_cpu_second", "cpu_ratios"),
        ):
            found[prefix + title] = {
                n: round(row["ours"][figure] / row[peer][figure], 2) for n, row in rows.items()
            }
    return found


def table(result: dict[str, Any]) -> str:
    """The figures as a table."""
    lines = ["responses  side          first token  tokens/s  tokens/CPU-s"]
    for part in ("engines", "server"):
        for n, row in result[part].items():
            lines += [
                f"{n:>9}  {name:12}  {side['first_token']:>9.3f} s"
                f"  {side['tokens_per_second']:>8.1f}  {side['tokens_per_cpu_second']:>12.1f}"
                for name, side in row.items()
            ]
    rest = {key: value for key, value in result.items() if key not in ("engines", "server")}
    return "\n".join([*lines, *(f"{key}: {value}" for key, value in rest.items())])


def prepared(folder: Path, policy: Path | None) -> tuple[Core, Path]:
    """A data folder whose current policy never ends its responses."""
    if policy is None:
        policy = folder / "base"
        policy.mkdir()
        build(policy)
    core = open_core(Settings(data=folder / "data"))
    source = policy
    path = core.library.publish("policy-0000", lambda copy: without_end(source, copy), {})
    with core.store.write() as session:
        deployment.register(session, "policy-0000", core.library.manifest_sha256("policy-0000"))
        deployment.promote(session, "policy-0000", "benchmark")
    return core, path


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with --json the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--policy", type=Path, help="a policy directory; default: the base policy")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--genai", action="store_true", help="beside openvino-genai too")
    parser.add_argument("--general", action="store_true", help="only the engine on transformers")
    parser.add_argument("--llama", type=Path, help="node_modules that hold node-llama-cpp")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        core, policy = prepared(Path(folder), options.policy)
        measured = general(policy, options) if options.general else compare(core, policy, options)
        result = asyncio.run(measured)
    print(table(result))
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
