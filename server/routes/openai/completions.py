"""Stored chat completions: those that were requested with ``store: true``."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from sqlmodel import Session

from server.dependencies import CallerDep, ServicesDep
from server.openai.chat_completions import of_stored
from server.schemas.openai.chat import ChatCompletion, ChatCompletions
from server.schemas.openai.completions import (
    CompletionChange,
    CompletionDeleted,
    CompletionPrompt,
    CompletionPrompts,
)
from server.schemas.text import Name
from tutelage.chat import completions
from tutelage.chat.completions import Wanted
from tutelage.errors import Invalid
from tutelage.tables import CompletionKind, StoredCompletion

router = APIRouter(prefix="/v1/chat/completions", tags=["chat"])

PageSize = Annotated[int, Query(ge=1, le=100, description="Page size.")]
After = Annotated[Name | None, Query(description="The last id of the previous page.")]
Order = Annotated[Literal["asc", "desc"], Query(description="Sort order by creation time.")]


@router.get("")
def list_completions(
    request: Request,
    caller: CallerDep,
    services: ServicesDep,
    after: After = None,
    limit: PageSize = 20,
    model: Annotated[Name | None, Query(description="A policy version.")] = None,
    order: Order = "asc",
) -> ChatCompletions:
    """Your stored completions. ``metadata[key]=value`` filters by metadata."""
    tags = {
        name[9:-1]: value
        for name, value in request.query_params.items()
        if name.startswith("metadata[") and name.endswith("]")
    }
    wanted = Wanted(after, limit + 1, model, tags, order)
    with services.store.read() as session:
        rows = completions.listed(session, caller.user.id, wanted)
        data = [_completion(session, row) for row in rows[:limit]]
    return ChatCompletions(data=data, has_more=len(rows) > limit, **_ends(data))


@router.get("/{completion_id}")
def get_completion(completion_id: Name, caller: CallerDep, services: ServicesDep) -> ChatCompletion:
    """A stored completion."""
    with services.store.read() as session:
        stored = completions.owned(session, completion_id, caller.user.id, CompletionKind.CHAT)
        return _completion(session, stored)


@router.post("/{completion_id}")
def update_completion(
    completion_id: Name, body: CompletionChange, caller: CallerDep, services: ServicesDep
) -> ChatCompletion:
    """Replace a stored completion's metadata."""
    with services.store.write() as session:
        stored = completions.owned(session, completion_id, caller.user.id, CompletionKind.CHAT)
        stored.tags = body.metadata or {}
        session.add(stored)
        return _completion(session, stored)


@router.delete("/{completion_id}")
def delete_completion(
    completion_id: Name, caller: CallerDep, services: ServicesDep
) -> CompletionDeleted:
    """Remove a completion from the list. DELETE /v1/conversations erases its conversation."""
    with services.store.write() as session:
        stored = completions.owned(session, completion_id, caller.user.id, CompletionKind.CHAT)
        session.delete(stored)
    return CompletionDeleted(id=completion_id)


@router.get("/{completion_id}/messages")
def list_completion_messages(
    completion_id: Name,
    caller: CallerDep,
    services: ServicesDep,
    after: After = None,
    limit: PageSize = 20,
    order: Order = "asc",
) -> CompletionPrompts:
    """The prompt messages of a stored completion."""
    with services.store.read() as session:
        stored = completions.owned(session, completion_id, caller.user.id, CompletionKind.CHAT)
        path = completions.prompt(session, stored)
        shown = [CompletionPrompt(id=m.id, role=m.role, content=m.content) for m in path]
    rest = _behind(shown if order == "asc" else shown[::-1], after)
    return CompletionPrompts(data=rest[:limit], has_more=len(rest) > limit, **_ends(rest[:limit]))


def _behind(messages: list[CompletionPrompt], after: str | None) -> list[CompletionPrompt]:
    if after is None:
        return messages
    places = [index for index, each in enumerate(messages) if each.id == after]
    if not places:
        raise Invalid(f"Message {after!r} not found in this completion.", "after")
    return messages[places[0] + 1 :]


def _completion(session: Session, stored: StoredCompletion) -> ChatCompletion:
    return of_stored(stored, completions.answers(session, stored))


def _ends(data: Sequence[ChatCompletion | CompletionPrompt]) -> dict[str, str | None]:
    ids = [each.id for each in data]
    return {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
