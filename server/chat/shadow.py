"""The shadow: a policy that answers what somebody asked, and is shown to nobody."""

import logging

from fastapi.concurrency import run_in_threadpool

from moderation.rules import check
from server.chat.request import Asked
from server.chat.response import Answer
from server.services import Services
from tutelage.errors import TutelageError
from tutelage.experiments.experiments import Routing
from tutelage.tables import Message, ShadowAnswer

logger = logging.getLogger(__name__)


async def shadow(services: Services, routing: Routing, asked: Asked, shown: Answer) -> None:
    """Let the challenger answer too and keep that; when the service is busy, it is left out."""
    if routing.experiment is None or shown.stream is None:
        return
    try:
        stream = await services.generator.start(asked.dialogue, shown.sampling, routing.challenger)
        try:
            text = "".join([token.text async for token in stream])
        finally:
            await stream.aclose()
    except TutelageError as error:
        logger.info("A shadow was left out: %s", error)
        return
    row = ShadowAnswer(
        experiment_id=routing.experiment.id,
        message_id=shown.id,
        policy_id=stream.policy_id,
        content=text,
        finish_reason=stream.finish_reason,
        action=await run_in_threadpool(_action, services, text),
    )
    await run_in_threadpool(_keep, services, row)


def _action(services: Services, text: str) -> str:
    """What moderation would have done."""
    if services.classifier is None or not text:
        return "off"
    return check(services.classifier, text, services.rules().response).action.value


def _keep(services: Services, row: ShadowAnswer) -> None:
    with services.store.write() as session:
        if session.get(Message, row.message_id):  # else it was erased meanwhile
            session.add(row)
