"""One vLLM server: what it serves, how busy we keep it, and one response of it."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai

from server.generators.remote.completions import completed, completion
from server.generators.remote.engine import EngineRequest, EngineResponse, begun
from server.generators.remote.openai import ours
from tutelage.errors import Unavailable
from tutelage.policies.library import MANIFEST, base_of, sha256_of
from tutelage.tracing import trace_headers

TIMEOUT = openai.Timeout(120.0, connect=5.0)  # a response may wait that long for its first token
LOOK_SECONDS = 5.0  # for an answer about its health

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServedPolicy:
    """A policy as vLLM knows it: the model that it was started with, or an adapter over that.

    The name of an adapter holds the digest of its manifest, so it never stands for other weights.
    """

    policy_id: str
    base_id: str  # the policy that the server was started with
    adapter: Path | None
    name: str

    @classmethod
    def read(cls, policy_id: str, path: Path) -> "ServedPolicy":
        """Of a policy directory. Raises Unavailable where its base is missing."""
        base = base_of(path)
        if base is None:
            return cls(policy_id, policy_id, None, policy_id)
        digest = sha256_of(path / MANIFEST)
        return cls(policy_id, base.name, path.absolute(), f"{policy_id}-{digest[:12]}")


class VLLMServer:
    """``up``: whether it answered last; ``running``: our responses that it has in hand."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        self.up, self.running = True, 0
        self._models: dict[str, str] = {}  # policy id: its name, of what it was started with
        self._loaded: set[str] = set()  # names of adapters
        self._loading = asyncio.Lock()
        self._client = openai.AsyncOpenAI(
            base_url=self.url, api_key=key or "none", timeout=TIMEOUT, max_retries=0
        )

    def has(self, policy: ServedPolicy) -> bool:
        """Whether the policy is there, as far as is known."""
        return policy.name in self._loaded if policy.adapter else policy.policy_id in self._models

    async def look(self) -> None:
        """Ask for its health and what it serves. Raises Unavailable where it does not answer."""
        client = self._client.with_options(timeout=LOOK_SECONDS)
        try:
            await client.get(f"{self.url.removesuffix('/v1')}/health", cast_to=httpx.Response)
            models = (await client.models.list()).data
        except openai.OpenAIError as error:
            raise self._down(error) from error
        if not self.up:
            logger.info("The vLLM server at %s answers again.", self.url)
        self.up = True
        facts = [(model.id, model.model_extra or {}) for model in models]
        self._loaded = {name for name, more in facts if more.get("parent")}
        self._models = {
            called.rstrip("/").rsplit("/", 1)[-1]: name
            for name, more in facts
            if name not in self._loaded
            for called in (str(more.get("root")), name)
        }

    async def serve(self, policy: ServedPolicy) -> str:
        """The policy's name there; an adapter is loaded first. Raises Unavailable."""
        if not self._models:
            await self.look()
        if policy.base_id not in self._models:
            raise Unavailable(
                f"{policy.policy_id} cannot be loaded: the vLLM server at {self.url} was started "
                f"with {', '.join(sorted(self._models)) or 'no model'}, not {policy.base_id}."
            )
        if policy.adapter is None:
            return self._models[policy.policy_id]
        async with self._loading:
            if policy.name not in self._loaded:
                await self._load(policy)
        return policy.name

    async def _load(self, policy: ServedPolicy) -> None:
        asked = {"lora_name": policy.name, "lora_path": str(policy.adapter)}
        try:
            await self._client.post("/load_lora_adapter", body=asked, cast_to=httpx.Response)
        except openai.APIStatusError as error:
            await self.look()
            if policy.name in self._loaded:  # another replica was faster
                return
            raise Unavailable(
                f"{policy.policy_id} cannot be loaded by the vLLM server at {self.url}: {error}. "
                f"It must see the folder {policy.adapter}, and be started with --enable-lora "
                "--max-lora-rank 128 and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True."
            ) from error
        except openai.OpenAIError as error:
            raise self._down(error) from error
        self._loaded.add(policy.name)

    async def drop(self, policy: ServedPolicy) -> None:
        """Unload an adapter; responses that it is writing go on."""
        if policy.name in self._loaded:
            self._loaded.discard(policy.name)
            asked = {"lora_name": policy.name}
            try:
                await self._client.post("/unload_lora_adapter", body=asked, cast_to=httpx.Response)
            except openai.OpenAIError as error:
                logger.info("%s was not unloaded at %s: %s", policy.name, self.url, error)

    async def begin(self, policy: ServedPolicy, request: EngineRequest) -> EngineResponse:
        """Begin a response, up to its first token."""
        self.running += 1
        lease = _Lease(self)
        try:
            response = await self._begin(policy, request)
        except BaseException:
            lease.end()
            raise

        async def hang_up() -> None:
            lease.end()
            await response.hang_up()

        return EngineResponse(response.events, hang_up)

    async def _begin(self, policy: ServedPolicy, request: EngineRequest) -> EngineResponse:
        for _ in range(2):
            name = await self.serve(policy)
            try:
                chunks = await self._client.completions.create(
                    **completion(name, request), extra_headers=trace_headers()
                )
            except openai.NotFoundError:  # it was restarted, or another replica dropped the adapter
                await self.look()
            except openai.APIStatusError as error:
                raise ours(error) from error
            except openai.OpenAIError as error:
                raise self._down(error) from error
            else:
                return await begun(completed(chunks, request))
        raise Unavailable(f"The vLLM server at {self.url} does not keep {policy.name}.")

    def _down(self, error: Exception) -> Exception:
        if self.up:
            logger.warning("The vLLM server at %s does not answer: %s", self.url, error)
        self.up = False
        return ours(error)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


class _Lease:
    """Counts a response as running until it ends, once."""

    def __init__(self, server: VLLMServer) -> None:
        self._server: VLLMServer | None = server

    def end(self) -> None:
        if self._server:
            self._server.running -= 1
            self._server = None
