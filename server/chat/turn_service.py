"""Starts chat turns: check the prompt and start the responses, then store the prompt and write.

The generator accepts the turn before anything is stored, so a client that retries a refused
request (overloaded, context too long) leaves no incomplete conversations behind. From then on the
turn runs in a task of its own.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from fastapi.concurrency import run_in_threadpool

from moderation.rules import Action, ModerationRules, SideRules
from server.chat.minimum_actions import stricter
from server.chat.moderation import PromptVerdict, check_prompt
from server.chat.persist import new_completion_id, save_prompt
from server.chat.request import ResolvedRequest, TurnRequest, resolve_request
from server.chat.response import TurnResponse, close, start_response
from server.chat.shadow import shadow
from server.chat.turn import Turn
from server.generators.generator import Sampling, ShuttingDown
from server.http.metrics import Metrics
from server.http.rate_limit import RateLimits
from server.policy_watcher import PolicyWatcher
from server.services import Services
from tutelage.chat import running_turns
from tutelage.errors import TutelageError, Unavailable
from tutelage.experiments.experiments import Routing

logger = logging.getLogger(__name__)

RENEW_SECONDS = 1.0  # how old the text of a running turn may be that other processes show
STOP_SECONDS = 10.0


class TurnService:
    """The turns that run in this process."""

    def __init__(
        self, services: Services, metrics: Metrics, policies: PolicyWatcher, limits: RateLimits
    ) -> None:
        self._services = services
        self._metrics = metrics
        self._policies = policies
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        self._surviving: dict[str, Turn] = {}  # by the ids of their completions
        self._look_for_dead_at = 0.0
        self.closing = False

    async def begin(self, turn_request: TurnRequest) -> Turn:
        """Start a turn: every refusal happens here, before anything is stored.

        A policy that was asked for by name stays loaded until the turn is over, and so does the
        policy of the team that the chat belongs to.
        """
        if self.closing:
            raise ShuttingDown
        with self._metrics.timed("resolve"):
            request = await run_in_threadpool(resolve_request, self._services, turn_request)
        async with contextlib.AsyncExitStack() as loaded:
            if turn_request.policy_id:
                await loaded.enter_async_context(self._policies.borrowed(turn_request.policy_id))
                request = replace(request, policies=(turn_request.policy_id,))
            else:
                request = replace(request, policies=await self._of_team(request, loaded))
            turn = await self._accept(request)
            self._track(self._run(turn, request, loaded.pop_all()))
        return turn

    def abandon(self, turn: Turn) -> None:
        """The client disconnected: stop its turn, without waiting for it, unless it survives."""
        if not turn.survives:
            self._track(turn.stop())

    def running(self, turn_id: str) -> Turn | None:
        """A turn of the web UI that this process writes."""
        return self._surviving.get(turn_id)

    async def stop(self, turn_id: str) -> None:
        """Stop a turn of the web UI, whichever process writes it; this one waits for its end."""
        if turn := self._surviving.get(turn_id):
            await turn.stop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(turn.over.wait(), STOP_SECONDS)
        else:
            await run_in_threadpool(running_turns.stop, self._services.store, turn_id)

    async def renew(self) -> None:
        """Store how far turns are, stop those that are to stop, and end those of dead processes."""
        store = self._services.store
        written = {turn_id: turn.written for turn_id, turn in self._surviving.items()}
        if written:
            for turn_id in await run_in_threadpool(running_turns.renew, store, written):
                if turn := self._surviving.get(turn_id):
                    await turn.stop()
        if time.monotonic() > self._look_for_dead_at:
            self._look_for_dead_at = time.monotonic() + running_turns.LEASE_SECONDS / 2
            await run_in_threadpool(running_turns.break_off, store)

    async def drain(self, seconds: float) -> None:
        """Begin no other turn, and wait at most so long until those that run have ended."""
        self.closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def finish(self) -> None:
        """Wait until all turns have ended and are stored."""
        await asyncio.gather(*self._tasks)

    async def _accept(self, request: ResolvedRequest) -> Turn:
        began = time.perf_counter()
        policy_id = next(iter(request.policies), None) or self._current()
        configured = await run_in_threadpool(self._services.rules)
        rules = stricter(request.turn.moderation, configured)
        verdict, responses = await self._check_and_start(request, rules)
        policy_id = responses[0].stream.policy_id if responses[0].stream else policy_id
        completion_id, store = new_completion_id(), self._services.store
        survives = request.turn.survives
        try:
            with self._metrics.timed("store"):
                prompt = await run_in_threadpool(
                    save_prompt, store, request, verdict, completion_id, policy_id, responses,
                    survives,
                )  # fmt: skip
        except BaseException:
            await close(responses)
            raise
        return Turn(
            self._services, self._metrics, completion_id, prompt,
            verdict.whole if verdict else None, responses, policy_id, began, survives,
        )  # fmt: skip

    async def _run(
        self, turn: Turn, request: ResolvedRequest, loaded: contextlib.AsyncExitStack
    ) -> None:
        if turn.survives:
            self._surviving[turn.completion_id] = turn
        async with loaded:
            await turn.run()
        if self._surviving.pop(turn.completion_id, None):
            await run_in_threadpool(running_turns.end, self._services.store, turn.completion_id)
        self._limits.use_tokens(request.turn.caller.limited_as, turn.usage.total)
        if request.turn.policy_id is None:
            await self._shadow(turn, request)

    async def _shadow(self, turn: Turn, request: ResolvedRequest) -> None:
        """Let a shadow answer the turn too, where one samples it."""
        of_team = self._policies.of_team(request.team_id)
        routing = of_team.routing if of_team else self._policies.routing
        if routing.challenger and routing.shadowed(turn.prompt.message_id):
            with contextlib.suppress(TutelageError):  # it is skipped where it finds no place
                async with self._policies.borrowed(routing.challenger):
                    await shadow(self._services, routing, request, turn.responses[0])

    async def _of_team(
        self, request: ResolvedRequest, held: contextlib.AsyncExitStack
    ) -> tuple[str | None, ...]:
        """The policies that answer in a team that has one or a trial of its own, else none.

        They stay in memory until ``held`` ends; without a place for them the common one answers.
        """
        of_team = self._policies.of_team(request.team_id)
        if of_team is None:
            return ()
        chosen = [each or of_team.current for each in _by_routing(of_team.routing, request)]
        try:
            loaded = self._policies.borrowed(*(each for each in chosen if each))
            await held.enter_async_context(loaded)
        except TutelageError as error:
            logger.warning("The common policy answers a team: %s", error.message)
            return (None,)
        return tuple(chosen)

    def _track(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _current(self) -> str:
        policy_id = self._services.generator.policy_id
        if policy_id is None:
            raise Unavailable("No policy is loaded; GET /readyz gives the reason.")
        return policy_id

    async def _check_and_start(
        self, request: ResolvedRequest, rules: ModerationRules
    ) -> tuple[PromptVerdict | None, list[TurnResponse]]:
        """Moderation checks the prompt while the policy reads it; nothing is shown before."""
        checking = asyncio.create_task(self._check(request, rules.prompt))
        responses: list[TurnResponse] = []
        try:
            with self._metrics.timed("start"):
                responses = await self._start(request, rules.response)
            verdict = await checking
        except BaseException:
            checking.cancel()
            await close(responses)
            raise
        if verdict and verdict.whole.action is Action.BLOCK:
            await close(responses)
            responses = [TurnResponse(n, each) for n, each in enumerate(request.turn.samplings)]
        return verdict, responses

    async def _check(self, request: ResolvedRequest, side: SideRules) -> PromptVerdict | None:
        classifier = self._services.classifier
        if classifier is None or not side.watches:
            return None
        with self._metrics.timed("moderation"):
            verdict = await run_in_threadpool(check_prompt, classifier, request, side)
        if self._services.settings.injection_warning:
            verdict = await run_in_threadpool(verdict.with_injection, request.prompt)
        self._metrics.moderated("prompt", verdict.whole)
        return verdict

    async def _start(self, request: ResolvedRequest, side: SideRules) -> list[TurnResponse]:
        """All responses, by the same policy even when another is promoted meanwhile.

        Only in a side-by-side trial do two policies respond to one turn.
        """
        while True:
            responses: list[TurnResponse] = []
            policies = self._responding(request)
            try:
                for choice, sampling in enumerate(request.turn.samplings):
                    policy_id = policies[choice % len(policies)]
                    responses.append(
                        await self._start_one(request, choice, sampling, side, policy_id)
                    )
            except BaseException:
                await close(responses)
                raise
            started = {each.stream.policy_id for each in responses if each.stream}
            if len(started) <= len(policies):
                return responses
            await close(responses)

    def _responding(self, request: ResolvedRequest) -> list[str | None]:
        """The policies that write the choices in turn; None is the current one."""
        if request.policies:
            return list(request.policies)
        routing = self._policies.routing
        if routing.challenger not in self._services.generator.challengers:
            return [None]
        return _by_routing(routing, request)

    async def _start_one(
        self,
        request: ResolvedRequest,
        choice: int,
        sampling: Sampling,
        side: SideRules,
        policy_id: str | None,
    ) -> TurnResponse:
        if policy_id not in (*request.policies, *self._services.generator.challengers):
            policy_id = None  # the challenger was unloaded between two choices
        return await start_response(
            self._services, request.dialogue, sampling, side, choice, policy_id
        )


def _by_routing(routing: Routing, request: ResolvedRequest) -> list[str | None]:
    """The challenger where the trial gives it to this person, both policies side by side, or None.

    None is the policy that answers people who are not in a trial.
    """
    turn, user = request.turn, request.turn.caller.user
    training = turn.training and turn.caller.training
    if routing.side_by_side(user.id, training, len(turn.samplings)):
        both: list[str | None] = [routing.challenger, None]
        return both if secrets.randbits(1) else both[::-1]
    return [routing.policy_for(user.id)]
