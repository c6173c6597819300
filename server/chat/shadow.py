"""The shadow: a challenger that responds to a user's prompt without being shown to the user."""

import logging

from fastapi.concurrency import run_in_threadpool

from server.chat.request import ResolvedRequest
from server.chat.response import TurnResponse, start_response
from server.services import Services
from tutelage.errors import TutelageError
from tutelage.experiments.experiments import Routing
from tutelage.tables import Message, ShadowResponse

logger = logging.getLogger(__name__)


async def shadow(
    services: Services, routing: Routing, request: ResolvedRequest, shown: TurnResponse
) -> None:
    """Let the challenger respond too and store that; it is skipped when the service is busy."""
    if routing.experiment is None or shown.stream is None:
        return
    try:
        rules = await run_in_threadpool(services.rules)
        response = await start_response(
            services, request.dialogue, shown.sampling, rules.response,
            policy_id=routing.challenger,
        )  # fmt: skip
        await response.generate()
    except TutelageError as error:
        logger.info("A shadow response was skipped: %s", error)
        return
    assert response.stream is not None
    row = ShadowResponse(
        experiment_id=routing.experiment.id,
        message_id=shown.id,
        policy_id=response.stream.policy_id,
        content=response.shown,
        finish_reason=response.finish_reason,
        action=response.verdict.action.value if response.verdict else "off",
    )
    await run_in_threadpool(_save, services, row)


def _save(services: Services, row: ShadowResponse) -> None:
    with services.store.write() as session:
        if session.get(Message, row.message_id):  # else it was erased meanwhile
            session.add(row)
