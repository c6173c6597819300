"""All routes of the API."""

from typing import Any

from fastapi import APIRouter

from server.routes import (
    appeals,
    conversations,
    feedback,
    health,
    labeling,
    sharing,
    system_prompts,
    turns,
)
from server.routes.account import account, inbox, mail, my_feedback, oidc, session
from server.routes.openai import (
    chat,
    completions,
    embeddings,
    models,
    moderations,
    responses,
    text_completions,
)
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
    settings,
    site_keys,
    teams,
    traffic,
    users,
)
from server.schemas.errors import Error

_MODULES = (
    chat, completions, text_completions, responses, embeddings, models, moderations, session, oidc,
    account, conversations, turns, system_prompts, feedback, operator, moderation_admin, iterations,
    policies, users, labeling, labeling_admin, sharing, my_feedback, inbox, mail, erasures,
    datasets, appeals, moderation_heads, experiments, traffic, blind_tests, settings, site_keys,
    teams, health,
)  # fmt: skip


def all_routes() -> APIRouter:
    """One router with every route; each may respond with an error in OpenAI's format."""
    errors: dict[int | str, dict[str, Any]] = {
        "4XX": {"model": Error, "description": "The request is invalid or not allowed."},
        "5XX": {"model": Error, "description": "The server failed or is unavailable."},
    }
    router = APIRouter(responses=errors)
    for module in _MODULES:
        router.include_router(module.router)
    return router
