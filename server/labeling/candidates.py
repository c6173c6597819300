"""Writes the answers that labelers rank: in the background, one task after the other.

A task waits in the store until its answers are written, so a killed service goes on where it was.
Answers that say the same are kept once; what moderation blocks is not shown to labelers at all.
"""

import asyncio
import logging
from collections.abc import Sequence

from fastapi.concurrency import run_in_threadpool
from sqlmodel import col, select

from moderation.stream import StreamFilter
from server.chat.persist import KeptPrompt, keep_answer
from server.chat.response import Answer
from server.generators.generator import Overloaded, Sampling
from server.services import Services
from tutelage.errors import TutelageError
from tutelage.labeling import labeling
from tutelage.tables import LabelingTask, new_id

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
MAX_TOKENS = 256
FEWEST = 2


class Alternatives:
    """Follows the store for tasks whose answers are to be written."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def follow(self) -> None:
        """Prepare whatever waits, until cancelled."""
        while True:
            try:
                task = await run_in_threadpool(self._next)
                if task is not None:
                    await self.prepare(task)
                    continue
            except Overloaded:
                logger.info("People are served first; labeling waits.")
            except Exception:
                logger.exception("A labeling task could not be prepared.")
            await asyncio.sleep(WATCH_SECONDS)

    async def prepare(self, task: LabelingTask) -> None:
        """Write the answers of one task, and make it ready or say why not."""
        assert task.message_id is not None and task.samplings is not None
        prompt = KeptPrompt(task.conversation_id, task.message_id)
        problem = None
        try:
            answers = await self._answers(task)
            completion_id = new_id("chatcmpl").replace("_", "-")
            for answer in answers:
                answer.id = new_id("msg")
                await run_in_threadpool(
                    keep_answer, self._services.store, prompt, completion_id, answer
                )
            if len(answers) < FEWEST:
                problem = "All answers said the same, or were blocked."
        except Overloaded:
            raise
        except TutelageError as error:
            problem = error.message
        await run_in_threadpool(self._end, task.id, problem)

    async def write(
        self, dialogue: Sequence[dict[str, str]], sampling: Sampling, policy_id: str | None = None
    ) -> Answer:
        """One answer by the current policy or the one named, through the moderation of answers."""
        return await self._write(dialogue, sampling, 0, policy_id)

    async def _answers(self, task: LabelingTask) -> list[Answer]:
        dialogue = await run_in_threadpool(self._dialogue, task)
        written = await asyncio.gather(
            *(
                self._write(dialogue, _sampling(recipe), choice, recipe.get("policy_id"))
                for choice, recipe in enumerate(task.samplings or [])
            )
        )
        different: dict[str, Answer] = {}
        for answer in written:
            said = " ".join(answer.shown.casefold().split())
            if said and not answer.blocked:
                different.setdefault(said, answer)
        return list(different.values())

    async def _write(
        self,
        dialogue: Sequence[dict[str, str]],
        sampling: Sampling,
        choice: int,
        policy_id: str | None,
    ) -> Answer:
        services = self._services
        rules = await run_in_threadpool(services.rules)
        stream = await services.generator.start(dialogue, sampling, policy_id)
        filtered = (
            StreamFilter(services.classifier, rules.response) if services.classifier else None
        )
        answer = Answer(choice, sampling, stream, filtered)
        try:
            async for token in stream:
                await answer.take(token)
                if answer.blocked:
                    break
        finally:
            await stream.aclose()
        await answer.finish()
        return answer

    def _next(self) -> LabelingTask | None:
        statement = select(LabelingTask).where(
            col(LabelingTask.ready_at).is_(None), col(LabelingTask.problem).is_(None)
        )
        with self._services.store.read() as session:
            return session.exec(statement.order_by(LabelingTask.id)).first()

    def _dialogue(self, task: LabelingTask) -> list[dict[str, str]]:
        with self._services.store.read() as session:
            path = labeling.dialogue(session, task)
        return [{"role": message.role, "content": message.content} for message in path]

    def _end(self, task_id: str, problem: str | None) -> None:
        with self._services.store.write() as session:
            labeling.prepared(session, task_id, problem)


def _sampling(recipe: dict[str, float]) -> Sampling:
    seed = recipe.get("seed")
    return Sampling(
        temperature=float(recipe.get("temperature", 1.0)),
        top_p=float(recipe.get("top_p", 1.0)),
        max_tokens=MAX_TOKENS,
        seed=None if seed is None else int(seed),
    )
