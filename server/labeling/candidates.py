"""Generates the responses that labelers rank: in the background, one task after the other.

A task waits in the store until its responses are written, so a restarted service continues where
it stopped. Duplicate responses are stored once; blocked responses are not shown to labelers.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence

from fastapi.concurrency import run_in_threadpool
from sqlmodel import col, select

from server.chat.persist import SavedPrompt, add_response, new_completion_id
from server.chat.response import TurnResponse, start_response
from server.generators.generator import Overloaded, Sampling
from server.services import Services
from tutelage.errors import TutelageError
from tutelage.labeling import labeling
from tutelage.maintenance.election import leads
from tutelage.tables import LabelingTask, new_id

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two looks at the store
WORK = "labeling tasks"
MAX_TOKENS = 256
FEWEST = 2


class CandidateWriter:
    """Follows the store for tasks whose responses are to be written."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._process = secrets.token_hex(8)

    async def refresh(self) -> None:
        """Prepare all waiting tasks. Chats come first: an overloaded generator ends the round.

        Of several replicas one does it.
        """
        if not await run_in_threadpool(leads, self._services.store, WORK, self._process):
            return
        try:
            while task := await run_in_threadpool(self._next):
                await self.prepare(task)
        except Overloaded:
            logger.info("The generator is busy with chats; labeling tasks wait.")

    async def prepare(self, task: LabelingTask) -> None:
        """Write the responses of one task; mark it ready, or failed with the reason."""
        responses, problem = [], None
        try:
            responses = await self._responses(task)
            if len(responses) < FEWEST:
                problem = "All responses were identical or blocked."
        except Overloaded:
            raise
        except TutelageError as error:
            problem = error.message
        await run_in_threadpool(self._save, task, responses, problem)

    async def write(
        self,
        dialogue: Sequence[dict[str, str]],
        sampling: Sampling,
        policy_id: str | None = None,
        choice: int = 0,
    ) -> TurnResponse:
        """One moderated response by the current policy or the one named."""
        rules = await run_in_threadpool(self._services.rules)
        response = await start_response(
            self._services, dialogue, sampling, rules.response, choice, policy_id
        )
        await response.generate()
        return response

    async def _responses(self, task: LabelingTask) -> list[TurnResponse]:
        dialogue = await run_in_threadpool(self._dialogue, task)
        written = await asyncio.gather(
            *(
                self.write(dialogue, _sampling(recipe), recipe.get("policy_id"), choice)
                for choice, recipe in enumerate(task.samplings or [])
            )
        )
        different: dict[str, TurnResponse] = {}
        for response in written:
            text = " ".join(response.shown.casefold().split())
            if text and not response.blocked:
                different.setdefault(text, response)
        return list(different.values())

    def _next(self) -> LabelingTask | None:
        statement = select(LabelingTask).where(
            col(LabelingTask.ready_at).is_(None), col(LabelingTask.problem).is_(None)
        )
        with self._services.store.read() as session:
            return session.exec(statement.order_by(col(LabelingTask.seq))).first()

    def _dialogue(self, task: LabelingTask) -> list[dict[str, str]]:
        with self._services.store.read() as session:
            path = labeling.dialogue(session, task)
        return [{"role": message.role, "content": message.content} for message in path]

    def _save(
        self, task: LabelingTask, responses: Sequence[TurnResponse], problem: str | None
    ) -> None:
        """All at once, and once: nothing when another replica was faster."""
        assert task.message_id is not None
        prompt, completion_id = (
            SavedPrompt(task.conversation_id, task.message_id),
            new_completion_id(),
        )
        with self._services.store.write() as session:
            if not labeling.prepared(session, task.id, problem):
                return
            for response in responses:
                response.id = new_id("msg")
                add_response(session, prompt, completion_id, response)


def _sampling(recipe: dict[str, float]) -> Sampling:
    seed = recipe.get("seed")
    return Sampling(
        temperature=float(recipe.get("temperature", 1.0)),
        top_p=float(recipe.get("top_p", 1.0)),
        max_tokens=MAX_TOKENS,
        seed=None if seed is None else int(seed),
    )
