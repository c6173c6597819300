"""Sharing conversations by read-only links, and export as JSON or Markdown."""

import re
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from sqlmodel import Session, col, select

from server.dependencies import AnyoneDep, CallerDep, ServicesDep
from server.schemas.sharing import SharedConversation, SharedMessage, ShareItem, ShareRequest
from server.schemas.text import Deleted, Name, Page
from tutelage.chat import conversations
from tutelage.errors import NotFound
from tutelage.people import portability
from tutelage.tables import Conversation, Message, ShareLink

router = APIRouter(tags=["conversations"])

_GONE = "Link not found: it was revoked, or its conversation was deleted."


@router.get("/v1/conversations/{conversation_id}/export", response_class=Response)
def export_conversation(
    conversation_id: Name,
    caller: CallerDep,
    services: ServicesDep,
    format: Literal["json", "markdown"] = "json",
    leaf_id: Annotated[
        Name | None, Query(description="Markdown: the last message of the branch.")
    ] = None,
) -> Response:
    """Download all branches as JSON, or one branch as Markdown."""
    with services.store.read() as session:
        chat = conversations.owned(session, conversation_id, caller.user.id)
        if format == "json":
            text = portability.as_json(portability.export(session, chat))
            return _file(text, "application/json", chat.title, "json")
        text = portability.as_markdown(chat.title, _branch(session, conversation_id, leaf_id))
    return _file(text, "text/markdown; charset=utf-8", chat.title, "md")


@router.get("/v1/conversations/{conversation_id}/shares")
def list_shares(conversation_id: Name, caller: CallerDep, services: ServicesDep) -> Page[ShareItem]:
    """The read-only links to your conversation."""
    with services.store.read() as session:
        conversations.owned(session, conversation_id, caller.user.id)
        statement = select(ShareLink).where(ShareLink.conversation_id == conversation_id)
        rows = session.exec(statement.order_by(col(ShareLink.seq))).all()
    return Page(data=[ShareItem.model_validate(row) for row in rows])


@router.post("/v1/conversations/{conversation_id}/shares", status_code=201)
def share_conversation(
    conversation_id: Name, body: ShareRequest, caller: CallerDep, services: ServicesDep
) -> ShareItem:
    """Create a link: anyone who has it can read the branch up to a message, and not beyond."""
    with services.store.write() as session:
        conversations.owned(session, conversation_id, caller.user.id)
        _branch(session, conversation_id, body.leaf_id)
        row = ShareLink(conversation_id=conversation_id, leaf_id=body.leaf_id)
        session.add(row)
    return ShareItem.model_validate(row)


@router.delete("/v1/conversations/{conversation_id}/shares/{token}")
def withdraw_share(
    conversation_id: Name, token: Name, caller: CallerDep, services: ServicesDep
) -> Deleted:
    """Revoke a link, immediately."""
    with services.store.write() as session:
        conversations.owned(session, conversation_id, caller.user.id)
        row = session.get(ShareLink, token)
        if row is None or row.conversation_id != conversation_id:
            raise NotFound("Link not found.")
        session.delete(row)
    return Deleted(id=token)


@router.get("/v1/shared/{token}")
def read_shared(token: Name, _anyone: AnyoneDep, services: ServicesDep) -> SharedConversation:
    """A shared conversation, for anyone with the link."""
    with services.store.read() as session:
        row = session.get(ShareLink, token)
        chat = session.get(Conversation, row.conversation_id) if row else None
        if row is None or chat is None:
            raise NotFound(_GONE)
        path = _branch(session, chat.id, row.leaf_id)
    messages = [SharedMessage.model_validate(each) for each in path if each.role != "system"]
    return SharedConversation(title=chat.title, created_at=row.created_at, messages=messages)


def _branch(session: Session, conversation_id: str, leaf_id: str | None) -> list[Message]:
    tree = conversations.messages(session, conversation_id)
    return conversations.path_to(tree, leaf_id or (tree[-1].id if tree else None))


_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|%\x00-\x1f\x7f]+')  # of files, on any system


def _file(text: str, media_type: str, title: str, suffix: str) -> Response:
    """A download under the title, in the extended form of RFC 6266; plain for old clients."""
    words = _NOT_IN_NAMES.sub(" ", title).split()
    name = " ".join(words)[:80].strip(" .") or "conversation"
    disposition = f"attachment; filename=\"conversation.{suffix}\"; filename*=UTF-8''"
    headers = {"content-disposition": f"{disposition}{quote(name, safe='')}.{suffix}"}
    return Response(text, media_type=media_type, headers=headers)
