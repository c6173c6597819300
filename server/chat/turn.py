"""One chat turn: check the prompt and start the answers, keep the prompt, write, keep the answers.

The generator takes the turn before anything is stored, so a client that retries what was refused
(overloaded, context too long) leaves no half conversations behind. From then on the turn runs in
a task of its own: when the client goes away it is stopped, and what was written so far is kept.

What moderation withholds is shown to nobody: a blocked answer is what was shown of it, and its
ModerationRecord holds the scores, where the finding was, and the rest for who decides an appeal.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.concurrency import run_in_threadpool

from moderation import injection
from moderation.rules import Action, ModerationRules, SideRules, Verdict, check
from moderation.stream import StreamFilter
from server.chat import notices
from server.chat.moderation import rules_for
from server.chat.persist import KeptPrompt, keep_answer, keep_prompt
from server.chat.request import Asked
from server.chat.response import Answer, Piece
from server.chat.shadow import shadow
from server.generators.generator import Sampling
from server.http.metrics import Metrics
from server.http.rate_limit import Limits
from server.policy_watcher import Deployed
from server.services import Services
from tutelage.errors import Unavailable
from tutelage.tables import new_id

logger = logging.getLogger(__name__)

BROKEN = "error"  # kept with an answer that the generator broke off


@dataclass(frozen=True)
class End:
    """An answer is complete and stored."""

    answer: Answer


@dataclass(frozen=True)
class Failure:
    """The turn broke off."""

    error: Exception


class Turn:
    """A turn that the generator has taken and whose prompt is stored."""

    def __init__(
        self,
        services: Services,
        metrics: Metrics,
        completion_id: str,
        prompt: KeptPrompt,
        verdict: Verdict | None,
        answers: Sequence[Answer],
        policy_id: str,
        began: float,
    ) -> None:
        self.completion_id = completion_id
        self.created = int(time.time())
        self.prompt = prompt
        self.prompt_verdict = verdict
        self.prompt_notice = notices.of_verdict("user", verdict)
        self.answers = answers
        for answer in answers:
            answer.id = new_id("msg")
        self.policy_id = policy_id
        self.failure: Exception | None = None
        self._services = services
        self._metrics = metrics
        self._events: asyncio.Queue[Piece | End | Failure | None] = asyncio.Queue()
        self._began = began

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the dialogue that is answered."""
        stream = self.answers[0].stream
        return stream.prompt_tokens if stream else 0

    @property
    def response_tokens(self) -> int:
        """Tokens of all answers so far."""
        return sum(len(answer.tokens) for answer in self.answers)

    async def events(self) -> AsyncIterator[Piece | End | Failure]:
        """What happens, until the turn is over."""
        while (event := await self._events.get()) is not None:
            yield event

    async def run(self) -> None:
        """Write all answers side by side; every one is kept, however it ends."""
        self._metrics.turn_began()
        try:
            await asyncio.gather(*(self._write(answer) for answer in self.answers))
        finally:
            self._metrics.turn_ended(self.prompt_tokens, self.response_tokens)
            self._events.put_nowait(None)

    async def stop(self) -> None:
        """Generate no further token; the answers end as they are."""
        await close(self.answers)

    async def _write(self, answer: Answer) -> None:
        try:
            try:
                await (self._generate(answer) if answer.stream else self._refuse(answer))
            finally:
                await self._keep(answer)
            self._events.put_nowait(End(answer))
        except Exception as error:
            await self._fail(error)

    async def _generate(self, answer: Answer) -> None:
        assert answer.stream is not None
        try:
            async for token in answer.stream:
                self._tell(await answer.take(token))
                if answer.blocked:
                    break
        except Exception:
            self._tell(await answer.finish())
            answer.finish_reason = BROKEN
            raise
        finally:
            await answer.stream.aclose()
        self._tell(await answer.finish())

    async def _refuse(self, answer: Answer) -> None:
        assert self.prompt_notice is not None
        self._tell(answer.refuse(self.prompt_notice.message))

    async def _keep(self, answer: Answer) -> None:
        answer.seconds = time.perf_counter() - self._began
        self._metrics.response(answer.finish_reason)
        if answer.verdict:
            self._metrics.moderated("response", answer.verdict)
        store = self._services.store
        await run_in_threadpool(keep_answer, store, self.prompt, self.completion_id, answer)

    async def _fail(self, error: Exception) -> None:
        if not isinstance(error, Unavailable):
            logger.error("The turn %s failed.", self.completion_id, exc_info=error)
        if self.failure is None:
            self.failure = error
            self._events.put_nowait(Failure(error))
            await self.stop()

    def _tell(self, piece: Piece) -> None:
        if not (piece.text or piece.calls):
            return
        self._clock(self.answers[piece.choice])
        self._events.put_nowait(piece)

    def _clock(self, answer: Answer) -> None:
        """Remember when an answer's first text is told; the turn's first one is what counts."""
        if answer.first_text_seconds is not None:
            return
        waited = time.perf_counter() - self._began
        if all(each.first_text_seconds is None for each in self.answers):
            self._metrics.first_text(waited)
        answer.first_text_seconds = waited


class Turns:
    """The turns that run in this process."""

    def __init__(
        self, services: Services, metrics: Metrics, deployed: Deployed, limits: Limits
    ) -> None:
        self._services = services
        self._metrics = metrics
        self._deployed = deployed
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, asked: Asked) -> Turn:
        """Take a turn: what can be refused is refused here, before anything is stored.

        A policy that was asked for by name is held until the turn is over.
        """
        async with contextlib.AsyncExitStack() as held:
            if asked.policy_id:
                await held.enter_async_context(self._deployed.borrowed(asked.policy_id))
            turn = await self._take(asked)
            self._track(self._run(turn, asked, held.pop_all()))
        return turn

    async def _take(self, asked: Asked) -> Turn:
        began, policy_id = time.perf_counter(), asked.policy_id or self._policy_id()
        rules = rules_for(asked.moderation, await run_in_threadpool(self._services.rules))
        verdict, answers = await self._check_and_start(asked, rules)
        policy_id = answers[0].stream.policy_id if answers[0].stream else policy_id
        completion_id = new_id("chatcmpl").replace("_", "-")
        store = self._services.store
        try:
            prompt = await run_in_threadpool(
                keep_prompt, store, asked, verdict, completion_id, policy_id
            )
        except BaseException:
            await close(answers)
            raise
        return Turn(
            self._services, self._metrics, completion_id, prompt, verdict, answers, policy_id, began
        )

    def stop_soon(self, turn: Turn) -> None:
        """Stop a turn whose reader is gone, without waiting for it."""
        self._track(turn.stop())

    async def finish(self) -> None:
        """Wait until all turns have ended and are kept."""
        await asyncio.gather(*self._tasks)

    async def _run(self, turn: Turn, asked: Asked, held: contextlib.AsyncExitStack) -> None:
        async with held:
            await turn.run()
        used = turn.prompt_tokens + turn.response_tokens
        self._limits.use_tokens(asked.caller.limited_as, used)
        if asked.policy_id is None and self._deployed.routing.shadowed(turn.prompt.message_id):
            await shadow(self._services, self._deployed.routing, asked, turn.answers[0])

    def _track(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _policy_id(self) -> str:
        policy_id = self._services.generator.policy_id
        if policy_id is None:
            raise Unavailable("No policy is loaded; /readyz says why.")
        return policy_id

    async def _check_and_start(
        self, asked: Asked, rules: ModerationRules
    ) -> tuple[Verdict | None, list[Answer]]:
        """Moderation reads the prompt while the policy does; nothing shows before its verdict."""
        checking = asyncio.create_task(self._check(asked, rules.prompt))
        answers: list[Answer] = []
        try:
            answers = await self._start(asked, rules.response)
            verdict = await checking
        except BaseException:
            checking.cancel()
            await close(answers)
            raise
        if verdict and verdict.action is Action.BLOCK:
            await close(answers)
            answers = [Answer(n, each) for n, each in enumerate(asked.samplings)]
        return verdict, answers

    async def _check(self, asked: Asked, side: SideRules) -> Verdict | None:
        classifier = self._services.classifier
        if classifier is None or not side.watches:
            return None
        verdict = await run_in_threadpool(check, classifier, asked.prompt, side)
        if self._services.settings.injection_warning:
            verdict = await run_in_threadpool(injection.warned, verdict, asked.prompt)
        self._metrics.moderated("prompt", verdict)
        return verdict

    async def _start(self, asked: Asked, side: SideRules) -> list[Answer]:
        """All answers. If another policy was promoted in between, that one answers all.

        Only side by side, for whom that is meant, do two policies answer one turn.
        """
        while True:
            answers: list[Answer] = []
            policies = self._policies(asked)
            try:
                for choice, sampling in enumerate(asked.samplings):
                    policy_id = policies[choice % len(policies)]
                    answers.append(await self._answer(asked, choice, sampling, side, policy_id))
            except BaseException:
                await close(answers)
                raise
            if len({each.stream.policy_id for each in answers if each.stream}) <= len(policies):
                return answers
            await close(answers)

    def _policies(self, asked: Asked) -> list[str | None]:
        """The policies that answer by turns; None is the current one."""
        if asked.policy_id:
            return [asked.policy_id]
        routing, user = self._deployed.routing, asked.caller.user
        challenger = self._services.generator.challenger
        if challenger is None or challenger != routing.challenger:
            return [None]
        training = asked.training and asked.caller.training
        if routing.side_by_side(user.id, training, len(asked.samplings)):
            return [challenger, None] if secrets.randbits(1) else [None, challenger]
        return [routing.policy_for(user.id)]

    async def _answer(
        self,
        asked: Asked,
        choice: int,
        sampling: Sampling,
        side: SideRules,
        policy_id: str | None,
    ) -> Answer:
        if policy_id not in (asked.policy_id, self._services.generator.challenger):
            policy_id = None  # it left between two choices
        stream = await self._services.generator.start(asked.dialogue, sampling, policy_id)
        classifier = self._services.classifier
        filtered = StreamFilter(classifier, side) if classifier else None
        return Answer(choice, sampling, stream, filtered)


async def close(answers: Sequence[Answer]) -> None:
    """Stop the generation of these answers."""
    for answer in answers:
        if answer.stream:
            await answer.stream.aclose()
