"""The application: routes, errors and limits around the services that it is handed."""

import contextlib
import functools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

import tutelage
from server.app_state import AppState, new_state
from server.http.cors import CrossOrigin
from server.http.errors import handle_errors
from server.http.middleware import Edge
from server.http.validation import handle_invalid
from server.openapi import describe, operation_id
from server.routes.all import all_routes
from server.routes.operator import traffic
from server.services import Services
from server.web.docs import add_docs
from server.web.ui import STATIC, add_ui


def create_app(services: Services, static: Path = STATIC) -> FastAPI:
    """The API and the web UI; all state hangs on the application."""
    app = FastAPI(
        title="tutelage",
        version=tutelage.__version__,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    state = new_state(services)
    app.state.tutelage = state
    max_body_bytes = services.settings.max_body_bytes
    app.add_middleware(Edge, max_body_bytes=max_body_bytes, metrics=state.metrics)
    app.add_middleware(CrossOrigin, allowed=state.allows_origin)
    handle_errors(app)
    handle_invalid(app)
    app.router.routes.extend(_api_routes())
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    add_docs(app)
    add_ui(app, static)
    return app


@functools.cache
def _api_routes() -> Sequence[BaseRoute]:
    """The routes hold no state, so every application of a process has the same ones.

    FastAPI reads the signatures of all handlers for each application that includes a router, which
    takes most of a second.
    """
    drawn = FastAPI(openapi_url=None, generate_unique_id_function=operation_id)
    drawn.include_router(all_routes())
    return drawn.router.routes


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: AppState = app.state.tutelage
    async with state.running():
        await run_in_threadpool(traffic.warm, state)
        yield
