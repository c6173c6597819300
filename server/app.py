"""The application: routes, errors and limits around the services that it is handed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

import tutelage
from server.chat.turn import Turns
from server.http.errors import handle_errors
from server.http.login_throttle import Throttle
from server.http.metrics import Metrics
from server.http.middleware import Edge
from server.http.rate_limit import Limits
from server.labeling.candidates import Alternatives
from server.moderation_watcher import Heads
from server.openapi import describe, operation_id
from server.policy_watcher import Deployed
from server.routes import appeals, conversations, feedback, health, labeling, sharing
from server.routes.account import account, my_feedback, oidc, session
from server.routes.openai import chat, completions, models, moderations, responses
from server.routes.operator import (
    blind_tests,
    datasets,
    erasures,
    experiments,
    iterations,
    labeling_admin,
    moderation_admin,
    moderation_heads,
    operator,
    policies,
    traffic,
    users,
)
from server.schemas.errors import Error
from server.services import Services
from server.web.docs import add_docs
from server.web.ui import STATIC, add_ui
from tutelage.people.quota import Quotas

_NOUNS = (
    chat, completions, responses, models, moderations, session, oidc, account, conversations,
    feedback, operator, moderation_admin, iterations, policies, users, labeling, labeling_admin,
    sharing, my_feedback, erasures, datasets, appeals, moderation_heads, experiments, traffic,
    blind_tests, health,
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
