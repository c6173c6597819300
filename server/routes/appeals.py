"""/v1/messages/{id}/moderation: why moderation acted on a message, and appeals."""

from collections.abc import Iterable

from fastapi import APIRouter

from moderation.categories import CATEGORIES
from moderation.explain import explain
from server.dependencies import CallerDep, ServicesDep
from server.schemas.appeals import AppealItem, AppealRequest, Finding, VerdictDetail
from server.schemas.text import Name
from server.services import Services
from tutelage.chat import appeals
from tutelage.tables import Message, ModerationRecord

router = APIRouter(prefix="/v1/messages/{message_id}", tags=["moderation"])


@router.get("/moderation")
def explain_verdict(message_id: Name, caller: CallerDep, services: ServicesDep) -> VerdictDetail:
    """The categories found in your message or its response, with scores and spans."""
    with services.store.read() as session:
        record = appeals.verdict_of(session, caller.user.id, message_id)
        message = session.get_one(Message, message_id)
        appeal = appeals.of_record(session, record.id)
    return VerdictDetail(
        message_id=message.id,
        role=message.role,
        action=record.action,
        classifier=record.classifier,
        failed=not record.categories,
        text=message.content,
        withheld=bool(record.withheld),
        findings=list(_findings(services, record, message)),
        appeal=AppealItem.model_validate(appeal) if appeal else None,
    )


@router.post("/appeal", status_code=201)
def file_appeal(
    message_id: Name, body: AppealRequest, caller: CallerDep, services: ServicesDep
) -> AppealItem:
    """Appeal a moderation verdict; an operator reviews it."""
    with services.store.write() as session:
        record = appeals.verdict_of(session, caller.user.id, message_id)
        appeal = appeals.file(session, record, caller.user.id, body.comment)
    return AppealItem.model_validate(appeal)


def _findings(services: Services, record: ModerationRecord, message: Message) -> Iterable[Finding]:
    """Stored scores, and spans by the current classifier; without spans in withheld text."""
    for category in record.categories:
        span = None
        if services.classifier and category in CATEGORIES and not record.withheld:
            span = explain(services.classifier, message.content, category).span
        yield Finding(
            category=category,
            score=record.scores[category],
            threshold=record.thresholds[category],
            span=list(span) if span else None,
        )
