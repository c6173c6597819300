"""Policies on any number of vLLM servers: adapters over one base, loaded as they are promoted."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from server.generators.generator import Overloaded
from server.generators.remote.engine import EngineRequest, EngineResponse
from server.generators.remote.vllm_server import ServedPolicy, VLLMServer
from tutelage.errors import TutelageError, Unavailable

EVERY = 2.0  # seconds between two looks at the servers

logger = logging.getLogger(__name__)


class VLLMEngine:
    """Asks the server with the fewest responses of ours; ``most`` are sent to each at once.

    A response that has no token yet is asked for again elsewhere when its server fails. A server
    that does not answer is asked last until it does; then it is given its adapters first.
    """

    takes_tools = False  # prompts are token ids, which vLLM does not parse tool calls for

    def __init__(self, urls: Sequence[str], key: str = "", most: int = 96) -> None:
        self._servers = [VLLMServer(url, key) for url in urls]
        self._most = most * len(urls)
        self._policies: dict[str, ServedPolicy] = {}
        self._watch: asyncio.Task[None] | None = None

    async def provide(self, policy_id: str, path: Path) -> None:
        """Load it into every server. Raises Unavailable where none can serve it."""
        policy = await asyncio.to_thread(ServedPolicy.read, policy_id, path)
        self._watch = self._watch or asyncio.create_task(self._keep_watch())
        failures = [each for each in await self._serve_everywhere(policy) if each]
        if len(failures) == len(self._servers):
            raise failures[0]
        for failure in failures:
            logger.warning("%s", failure.message)
        self._policies[policy_id] = policy

    async def _serve_everywhere(self, policy: ServedPolicy) -> list[TutelageError | None]:
        async def attempt(server: VLLMServer) -> TutelageError | None:
            try:
                await server.serve(policy)
            except TutelageError as error:
                return error
            return None

        return await asyncio.gather(*(attempt(server) for server in self._servers))

    async def withdraw(self, policy_id: str) -> None:
        """Unload its adapter."""
        policy = self._policies.pop(policy_id, None)
        if policy and policy.adapter:
            await asyncio.gather(*(server.drop(policy) for server in self._servers))

    async def open(self, request: EngineRequest) -> EngineResponse:
        """Begin a response on the first server that gives a token, the least busy one first."""
        running = sum(server.running for server in self._servers)
        if running >= self._most:
            raise Overloaded(running)
        policy = self._policies[request.policy_id]
        failure: TutelageError = Unavailable("There is no vLLM server.")
        untried = list(self._servers)
        while untried:
            server = min(
                untried, key=lambda each: (not each.up, not each.has(policy), each.running)
            )
            untried.remove(server)
            try:
                return await server.begin(policy, request)
            except Unavailable as error:
                failure = error
        raise failure

    async def close(self) -> None:
        """Close all connections."""
        if self._watch:
            self._watch.cancel()
        for server in self._servers:
            await server.close()

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await asyncio.gather(*(self._look(server) for server in self._servers))

    async def _look(self, server: VLLMServer) -> None:
        try:
            await server.look()
            for policy in list(self._policies.values()):
                await server.serve(policy)
        except TutelageError as error:
            logger.debug("%s", error.message)
