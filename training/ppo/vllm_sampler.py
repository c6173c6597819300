"""Rollouts that vLLM servers write: the policy goes there as an adapter, token ids come back.

A policy is loaded under a name that holds the digest of its weights, so a name never stands for
others. The servers must see the folder under the same path.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai

from training.ppo.rollout import RolloutSampling
from tutelage.errors import Invalid, Unavailable
from tutelage.policies.adapter import ADAPTER_WEIGHTS
from tutelage.policies.library import sha256_of

AT_ONCE = 32  # requests to each server
PAUSES = (0.0, 1.0, 10.0, 60.0)  # seconds before all servers are asked for a response again
TIMEOUT = openai.Timeout(600.0, connect=30.0)
START = (
    "Start it with --enable-lora --max-lora-rank 128 --logprobs-mode processed_logprobs and "
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, and let it see the iteration's folder."
)


@dataclass(frozen=True)
class Trajectory:
    """A response as the sampler wrote it."""

    prompt: list[int]
    response: list[int]  # EOS included if finished
    sampler_logprobs: list[float]  # of each token, at the sampler's temperature
    version: str  # the name of the policy that wrote it
    finished: bool


class _Unusable(Exception):
    """Another policy wrote the response, or its tokens are not told; it is dropped."""


class VLLMSampler:
    """Servers that sample from one policy at a time, which is in ``folder``."""

    def __init__(self, urls: Sequence[str], folder: Path) -> None:
        self._servers = [_Server(url) for url in urls]
        self._folder = folder.absolute()

    def hand_over(self, save: Callable[[Path], None]) -> tuple[str, Path]:
        """Writes a policy in place of the one before: its version, from its digest, and its place.

        Args: save: writes the policy into a directory.
        Raises: Invalid: it is no adapter, as where a mixture's experts were trained.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        made = self._folder / "next"
        save(made)
        weights = made / ADAPTER_WEIGHTS
        if not weights.is_file():
            raise Invalid("Rollouts of a mixture of experts cannot come from vLLM.", "rollout_urls")
        version = f"rollout-{sha256_of(weights)[:16]}"
        return version, made.rename(self._folder / version)

    def serve(self, version: str, adapter: Path) -> None:
        """Responses are of this policy from now on; the one before is unloaded.

        Raises: Unavailable: no server takes it.
        """
        problems = [problem for each in self._servers if (problem := each.serve(version, adapter))]
        if len(problems) == len(self._servers):
            raise Unavailable(f"No vLLM server takes the policy: {' '.join(problems)} {START}")

    def sample(
        self, prompts: Sequence[list[int]], seeds: Sequence[int], sampling: RolloutSampling
    ) -> list[Trajectory]:
        """One response per prompt, in their order.

        Args: prompts: token ids; seeds: of each response, in [0, 2^63).
        Raises: Unavailable: no server wrote a usable response in all tries.
        """
        with ThreadPoolExecutor(AT_ONCE * len(self._servers)) as pool:
            return list(pool.map(lambda p, s: self._respond(p, s, sampling), prompts, seeds))

    def _respond(self, prompt: list[int], seed: int, sampling: RolloutSampling) -> Trajectory:
        """By the server with the fewest responses in hand; if it fails, by the next one."""
        for pause in PAUSES:
            time.sleep(pause)
            problems = []
            for server in sorted(self._servers, key=lambda each: (each.failed, each.running)):
                try:
                    return server.respond(prompt, seed, sampling)
                except (openai.OpenAIError, _Unusable) as error:
                    server.failed = True
                    problems.append(f"{server.url}: {error}")
        raise Unavailable(f"No vLLM server wrote a rollout. {' '.join(problems)}")

    def close(self) -> None:
        """Unloads the policy, deletes its files and ends all connections."""
        for server in self._servers:
            server.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Server:
    """One server. ``failed``: it is asked last until the next policy."""

    def __init__(self, url: str) -> None:
        self.url, self.running, self.failed = url.rstrip("/"), 0, False
        self._version, self._adapter = "", Path()
        self._client = openai.OpenAI(
            base_url=self.url, api_key="none", timeout=TIMEOUT, max_retries=0
        )

    def serve(self, version: str, adapter: Path) -> str:
        """Loads a policy in place of the one before. Returns why it could not, or nothing."""
        if version == self._version:
            return ""
        self._unload()
        self._version, self._adapter, self.failed = version, adapter, False
        try:
            self._load()
        except openai.OpenAIError as error:
            self.failed = True
            return f"{self.url}: {error}"
        return ""

    def respond(self, prompt: list[int], seed: int, sampling: RolloutSampling) -> Trajectory:
        """One response; a server that was started again since is given the policy first."""
        self.running += 1
        try:
            try:
                return self._respond(prompt, seed, sampling)
            except openai.NotFoundError:
                self._load()
                return self._respond(prompt, seed, sampling)
        finally:
            self.running -= 1

    def _respond(self, prompt: list[int], seed: int, sampling: RolloutSampling) -> Trajectory:
        eos = sorted(sampling.eos_ids)
        done: Any = self._client.completions.create(
            model=self._version,
            prompt=prompt,
            max_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=1,
            seed=seed,
            logprobs=0,
            extra_body={"return_token_ids": True, "stop_token_ids": eos, "top_k": -1, "min_p": 0},
        )
        if done.model != self._version:
            raise _Unusable(f"asked for {self._version}, it answered with {done.model}.")
        choice = done.choices[0]
        ids, told = getattr(choice, "token_ids", None), choice.logprobs
        if not ids or told is None or len(told.token_logprobs) != len(ids):
            raise _Unusable("it returns no token ids with their log-probabilities.")
        return Trajectory(prompt, ids, told.token_logprobs, done.model, ids[-1] in eos)

    def _load(self) -> None:
        asked = {"lora_name": self._version, "lora_path": str(self._adapter)}
        try:
            self._client.post("/load_lora_adapter", body=asked, cast_to=httpx.Response)
        except openai.BadRequestError as error:  # another rank was faster
            if "already been loaded" not in str(error):
                raise

    def _unload(self) -> None:
        if self._version:
            asked = {"lora_name": self._version}
            with suppress(openai.OpenAIError):  # it went with its server, or another rank did it
                self._client.post("/unload_lora_adapter", body=asked, cast_to=httpx.Response)
            self._version = ""

    def close(self) -> None:
        self._unload()
        self._client.close()
