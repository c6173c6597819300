"""The application: routes, errors and limits around the services that it is handed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

import tutelage
from server.alternatives import Alternatives
from server.deployed import Deployed
from server.docs import add_docs
from server.edge import Edge
from server.errors import handle_errors
from server.heads import Heads
from server.limits import Limits
from server.metrics import Metrics
from server.openapi import describe, operation_id
from server.routes import (
    account,
    appeals,
    blind,
    chat,
    completions,
    conversations,
    datasets,
    erasures,
    experiments,
    feedback,
    health,
    iterations,
    labeling,
    labeling_desk,
    learned,
    models,
    moderations,
    my_feedback,
    oidc,
    operator,
    policies,
    responses,
    review,
    session,
    sharing,
    traffic,
    users,
)
from server.schemas.errors import Error
from server.services import Services
from server.throttle import Throttle
from server.turn import Turns
from server.ui import STATIC, add_ui
from tutelage.quota import Quotas

_NOUNS = (
    chat, completions, responses, models, moderations, session, oidc, account, conversations,
    feedback, operator, review, iterations, policies, users, labeling, labeling_desk, sharing,
    my_feedback, erasures, datasets, appeals, learned, experiments, traffic, blind,
    health,
)  # fmt: skip


def create_app(services: Services, static: Path = STATIC) -> FastAPI:
    """The API and the web UI, with no state but what hangs on the application."""
    app = FastAPI(
        title="tutelage",
        version=tutelage.__version__,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    metrics = Metrics()
    app.state.services = services
    app.state.metrics = metrics
    app.state.limits = Limits(services.settings.rate_limit, services.settings.token_limit)
    app.state.quotas = Quotas(services.settings.quotas)
    app.state.throttle = Throttle()
    app.state.deployed = Deployed(services, metrics)
    app.state.alternatives = Alternatives(services)
    app.state.heads = Heads(services)
    app.state.turns = Turns(services, metrics, app.state.deployed, app.state.limits)
    app.add_middleware(Edge, max_body_bytes=services.settings.max_body_bytes, metrics=metrics)
    handle_errors(app)
    app.include_router(all_routes())
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    add_docs(app)
    add_ui(app, static)
    return app


def all_routes() -> APIRouter:
    """Every route of the API; each may answer with an error in OpenAI's shape."""
    errors: dict[int | str, dict[str, Any]] = {
        "4XX": {"model": Error, "description": "What is wrong with the request."},
        "5XX": {"model": Error, "description": "What is wrong with the service."},
    }
    router = APIRouter(responses=errors)
    for noun in _NOUNS:
        router.include_router(noun.router)
    return router


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the promoted policy and follow it; at the end keep what was being written."""
    deployed: Deployed = app.state.deployed
    await deployed.refresh()
    followers = (deployed, app.state.alternatives, app.state.heads)
    following = [asyncio.create_task(each.follow()) for each in followers]
    try:
        yield
    finally:
        for task in following:
            task.cancel()
        await app.state.services.generator.close()
        await app.state.turns.finish()
