"""/v1/operator: the service at a glance, reports, moderation and the audit log."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import Session, col, func, select

from server.dependencies import After, Limit, OperatorDep, ServicesDep, StateDep
from server.labeling.again import ask_policy, dialogue
from server.schemas.operator.operator import (
    AlikeReport,
    AuditItem,
    ModerationItem,
    OperatorSummary,
    Readiness,
    ReportChange,
    ReportItem,
)
from server.schemas.text import Name, Page, columns
from tutelage.feedback import feedback, reports
from tutelage.iterations import readiness
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.store import Store
from tutelage.tables import (
    AuditEvent,
    Conversation,
    Message,
    ModerationRecord,
    PolicyVersion,
    Report,
    ReportState,
    User,
    place_of,
)

router = APIRouter(prefix="/v1/operator", tags=["operator"])

EXCERPT = 300
Actions = Annotated[list[str] | None, Query(description="log, warn, block; default: all three.")]


@router.get("/summary")
def summary(_operator: OperatorDep, services: ServicesDep, state: StateDep) -> OperatorSummary:
    """The loaded policy, the collected feedback, and whether it suffices for an iteration."""
    with services.store.read() as session:
        current = deployment.current(session)
    return OperatorSummary(
        current_policy=current.id if current else None,
        loaded_policy=state.policies.policy_id,
        load_error=state.policies.problem,
        **state.counts.get("summary", lambda: _collected(services.store)),
    )


def _collected(store: Store) -> dict[str, Any]:
    """What is stored, counted."""
    with store.read() as session:
        consented = select(func.count()).select_from(Conversation).where(Conversation.training)
        registered = select(func.count()).select_from(User).where(people.registered())
        opened = select(func.count()).select_from(Report).where(Report.state == ReportState.OPEN)
        return {
            "feedback": feedback.standing_by_kind(session),
            "conversations": _count(session, Conversation),
            "consented_conversations": session.exec(consented).one(),
            "policies": _count(session, PolicyVersion),
            "users": session.exec(registered).one(),
            "open_reports": session.exec(opened).one(),
            "ready": {
                preset: Readiness(**answer)
                for preset, answer in readiness.readiness(session).items()
            },
        }


@router.get("/reports")
def list_reports(
    _operator: OperatorDep,
    services: ServicesDep,
    limit: Limit = 50,
    after: After = None,
    state: ReportState | None = None,
) -> Page[ReportItem]:
    """Reports of harmful or biased responses, newest first."""
    statement = select(Report).order_by(col(Report.seq).desc()).limit(limit + 1)
    if after:
        statement = statement.where(Report.seq < place_of(Report, after))
    if state:
        statement = statement.where(Report.state == state)
    with services.store.read() as session:
        rows = list(session.exec(statement))
        data = [_report(session, row) for row in rows[:limit]]
    return Page(data=data, has_more=len(rows) > limit)


@router.post("/reports/{report_id}")
def triage_report(
    report_id: Name, body: ReportChange, operator: OperatorDep, services: ServicesDep
) -> ReportItem:
    """Accept, dismiss or reopen a report."""
    with services.store.write() as session:
        row = reports.triage(
            session, report_id, body.state, operator.user.id, body.rubric,
            body.duplicate_of, body.pattern, body.credit, body.note, body.answer,
        )  # fmt: skip
        return _report(session, row)


@router.post("/reports/{report_id}/again")
async def answer_report_again(
    report_id: Name, operator: OperatorDep, state: StateDep
) -> ReportItem:
    """Ask the newest candidate (else the current policy) the reported prompt, and attach it."""
    store = state.services.store
    with store.read() as session:
        report = reports.get(session, report_id)
        asked = dialogue(session, session.get_one(Message, report.message_id))
        policy_id = deployment.newest_candidate(session) or state.policies.policy_id
    response = await ask_policy(state, asked, policy_id)
    with store.write() as session:
        row = reports.attach(
            session, report_id, response.stream.policy_id if response.stream else "",
            response.shown, response.blocked, operator.user.id,
        )  # fmt: skip
        return _report(session, row)


@router.get("/reports/{report_id}/alike")
def list_alike(report_id: Name, _operator: OperatorDep, services: ServicesDep) -> list[AlikeReport]:
    """Possible duplicates of a report."""
    with services.store.read() as session:
        found = [
            (share, _report(session, reports.get(session, name)))
            for name, share in reports.alike(session, reports.get(session, report_id))
        ]
    return [
        AlikeReport(alike=share, **row.model_dump(include={"id", "state", "comment", "content"}))
        for share, row in found
    ]


@router.get("/incidents")
def list_incidents(_operator: OperatorDep, services: ServicesDep) -> list[dict[str, Any]]:
    """Accepted reports as plain JSON, newest first, for incident registers."""
    with services.store.read() as session:
        return reports.incidents(session)


@router.get("/moderation")
def list_moderation(
    _operator: OperatorDep,
    services: ServicesDep,
    limit: Limit = 50,
    after: After = None,
    action: Actions = None,
) -> Page[ModerationItem]:
    """Verdicts that led to an action, newest first."""
    statement = (
        select(ModerationRecord, Message)
        .where(ModerationRecord.message_id == Message.id)
        .where(col(ModerationRecord.action).in_(action or ("log", "warn", "block")))
        .order_by(col(ModerationRecord.seq).desc())
        .limit(limit + 1)
    )
    if after:
        statement = statement.where(ModerationRecord.seq < place_of(ModerationRecord, after))
    with services.store.read() as session:
        rows = list(session.exec(statement))
    data = [_verdict(record, message) for record, message in rows[:limit]]
    return Page(data=data, has_more=len(rows) > limit)


@router.get("/audit")
def list_audit(
    _operator: OperatorDep,
    services: ServicesDep,
    limit: Limit = 50,
    after: Annotated[
        int | None, Query(ge=1, lt=2**63, description="The last seq of the previous page.")
    ] = None,
) -> Page[AuditItem]:
    """The hash-chained audit log, newest first; `tutelage audit verify` checks it."""
    statement = select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(limit + 1)
    if after is not None:
        statement = statement.where(AuditEvent.seq < after)
    with services.store.read() as session:
        rows = list(session.exec(statement))
        names = people.names(session, [each for row in rows for each in (row.actor, row.subject)])
    data = [_audit_item(row, names) for row in rows[:limit]]
    return Page(data=data, has_more=len(rows) > limit)


def _audit_item(row: AuditEvent, names: dict[str, str]) -> AuditItem:
    found = {"actor_name": names.get(row.actor), "subject_name": names.get(row.subject)}
    return AuditItem.model_validate(row).model_copy(update=found)


def _count(session: Session, table: type) -> int:
    return session.exec(select(func.count()).select_from(table)).one()


def _report(session: Session, row: Report) -> ReportItem:
    """A report with the reported response; erasure deletes both together."""
    message = session.get(Message, row.message_id)
    prompt = session.get(Message, message.parent_id) if message and message.parent_id else None
    return ReportItem(
        **columns(row, ReportItem),
        content=message.content if message else "",
        prompt=prompt.content if prompt else "",
        policy_id=message.policy_id if message else None,
    )


def _verdict(record: ModerationRecord, message: Message) -> ModerationItem:
    return ModerationItem(
        **columns(record, ModerationItem),
        role=message.role,
        excerpt=message.content[:EXCERPT],
    )
