"""/v1/account/inbox: what became of one's feedback, reports and appeals."""

from fastapi import APIRouter

from server.dependencies import After, Limit, PersonDep, ServicesDep
from server.schemas.inbox import NewsItem, ReadRequest, UnreadCount
from server.schemas.text import Page
from tutelage.chat import inbox

router = APIRouter(prefix="/v1/account/inbox", tags=["account"])


@router.get("")
def list_news(
    caller: PersonDep, services: ServicesDep, limit: Limit = 30, after: After = None
) -> Page[NewsItem]:
    """Your inbox, newest first."""
    with services.store.read() as session:
        rows = inbox.listed(session, caller.user.id, limit + 1, after)
    data = [NewsItem.model_validate(row) for row in rows[:limit]]
    return Page(data=data, has_more=len(rows) > limit)


@router.get("/unread")
def count_unread(caller: PersonDep, services: ServicesDep) -> UnreadCount:
    """How much of your inbox is unread."""
    with services.store.read() as session:
        return UnreadCount(unread=inbox.unread(session, caller.user.id))


@router.post("/read")
def mark_news_read(body: ReadRequest, caller: PersonDep, services: ServicesDep) -> UnreadCount:
    """Mark your inbox as read, up to the newest that you have seen."""
    with services.store.write() as session:
        inbox.mark_read(session, caller.user.id, body.newest)
        session.flush()
        return UnreadCount(unread=inbox.unread(session, caller.user.id))
