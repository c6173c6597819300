"""/v1/operator: the queue of appeals, the active moderation rules, and the effect of thresholds."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from moderation import injection, rule_store, threshold_effects
from moderation.categories import CATEGORIES
from server.dependencies import After, Limit, OperatorDep, ServicesDep
from server.schemas.appeals import (
    AppealCase,
    AppealDecision,
    DecidedScore,
    Effects,
    FilterCard,
    MeasuredFigures,
    RulesChange,
    RulesInForce,
    RulesVersion,
    ThresholdEffect,
)
from server.schemas.text import Name, Page, columns
from server.services import Services
from tutelage.chat import appeals
from tutelage.errors import Invalid
from tutelage.tables import AppealState, Conversation, Message, ModerationRecord

router = APIRouter(prefix="/v1/operator", tags=["operator"])

HISTORY = 20
RECENT = 2_000
Side = Annotated[Literal["prompt", "response"], Query()]


@router.get("/appeals")
def list_appeals(
    _operator: OperatorDep,
    services: ServicesDep,
    limit: Limit = 50,
    after: After = None,
    state: AppealState | None = None,
) -> Page[AppealCase]:
    """Appeals with the moderated text, oldest first."""
    with services.store.read() as session:
        cases = appeals.listed(session, limit + 1, after, state)
        data = [_case(session, each) for each in cases[:limit]]
    return Page(data=data, has_more=len(cases) > limit)


@router.post("/appeals/{appeal_id}")
def decide_appeal(
    appeal_id: Name, body: AppealDecision, operator: OperatorDep, services: ServicesDep
) -> AppealCase:
    """Decide which categories apply. The filter can learn from it, with the owner's consent."""
    if unknown := sorted(set(body.labels) - {*CATEGORIES, injection.CATEGORY}):
        raise Invalid(f"{unknown[0]!r} is not a category.", "labels")
    with services.store.write() as session:
        appeal = appeals.decide(
            session, appeal_id, operator.user.id, body.labels, body.answer.strip()
        )
        return _case(session, appeals.case(session, appeal))


@router.get("/moderation/rules")
def get_rules(_operator: OperatorDep, services: ServicesDep) -> RulesInForce:
    """The action and threshold of every category, for prompts and for responses."""
    return _in_force(services)


@router.put("/moderation/rules")
def change_rules(body: RulesChange, operator: OperatorDep, services: ServicesDep) -> RulesInForce:
    """Set the moderation rules, from the next turn on."""
    with services.store.write() as session:
        rule_store.set_rules(session, body.rules, operator.user.id)
    return _in_force(services)


@router.get("/moderation/effects")
def effects(_operator: OperatorDep, services: ServicesDep, side: Side = "prompt") -> Effects:
    """What each threshold would flag: in the labelled set, recent messages and decided appeals."""
    version = services.classifier.version if services.classifier else ""
    with services.store.read() as session:
        recent = _recent_scores(session, side, version)
        cases = appeals.decided(session, consented=False)
    decisions = [(each.record.scores, each.appeal.labels or {}) for each in cases]
    found = threshold_effects.effects(version, recent, decisions)
    return Effects(
        side=side,
        classifier=version or None,
        categories=[_effect(each) for each in found],
    )


def _effect(effect: threshold_effects.Effect) -> ThresholdEffect:
    decisions = [DecidedScore(score=score, holds=bool(holds)) for score, holds in effect.decisions]
    return ThresholdEffect(**effect._asdict() | {"decisions": decisions})


@router.get("/moderation/card")
def filter_card(_operator: OperatorDep, services: ServicesDep) -> FilterCard:
    """The model card of the default filter: quality and known failures."""
    running = services.classifier.version if services.classifier else None
    measured = MeasuredFigures.model_validate_json(threshold_effects.FIGURES.read_text("utf-8"))
    return FilterCard(
        card=threshold_effects.CARD.read_text("utf-8"), measured=measured, classifier=running
    )


def _in_force(services: Services) -> RulesInForce:
    with services.store.read() as session:
        current = rule_store.active_rules(session, services.moderation)
        history = rule_store.history(session, HISTORY)
    return RulesInForce(
        rules=current,
        set_by_operator=bool(history) and history[0].rules is not None,
        classifier=services.classifier.version if services.classifier else None,
        history=[RulesVersion.model_validate(row) for row in history],
    )


def _recent_scores(session: Session, side: str, version: str) -> list[dict[str, float]]:
    """The scores of the newest messages of one side by the current classifier."""
    statement = (
        select(ModerationRecord)
        .where(ModerationRecord.message_id == Message.id)
        .where(ModerationRecord.classifier == version)
        .where((col(Message.role) == "assistant") == (side == "response"))
        .order_by(col(ModerationRecord.seq).desc())
        .limit(RECENT)
    )
    return [record.scores for record in session.exec(statement) if record.scores]


def _case(session: Session, case: appeals.Case) -> AppealCase:
    appeal, record, message = case
    parent = session.get(Message, message.parent_id) if message.parent_id else None
    conversation = session.get_one(Conversation, message.conversation_id)
    shared = columns(record, AppealCase) | columns(appeal, AppealCase)
    return AppealCase(
        **shared,
        role=message.role,
        text=case.text,
        shown=len(message.content),
        prompt=parent.content if parent and message.role == "assistant" else "",
        training=conversation.training,
    )
