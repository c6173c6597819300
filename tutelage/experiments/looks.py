"""What decides a trial: its pairwise comparisons, at one planned look a day; and how long it takes.

Comparisons say most per judgement: each is of both policies by one person. They have half of the
trial's alpha, and what else is watched shares the other half.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session, col, func, select

from tutelage.experiments import group_sequential
from tutelage.experiments.group_sequential import Power
from tutelage.experiments.sequential import AlwaysValid
from tutelage.tables import Conversation, Experiment, Feedback, FeedbackKind, Purpose

DAY = 86_400.0
LEADS = (0.03, 0.05, 0.08, 0.11)  # win rates above one half that a forecast is made for
APART = 0.1  # how far people differ in whom they prefer: deviation of their win rates
RECENT_DAYS = 14


def take(experiment: Experiment, found: AlwaysValid, alpha: float, days: float, age: float) -> bool:
    """Add today's look to the experiment's, if it is due and enough people compared.

    ``age`` and ``days`` are of the trial, in seconds and days.
    """
    count = group_sequential.number_of_looks(days)
    number = min(count, int(count * age / (days * DAY)))
    taken = experiment.looks[-1]["number"] if experiment.looks else 0
    if number <= taken or not found.enough:
        return False
    row = {"number": number, "time": number / count, "information": 1 / found.variance}
    rows = [*experiment.looks, row]
    bound = group_sequential.bounds(
        alpha, tuple(r["time"] for r in rows), tuple(r["information"] for r in rows)
    )[-1]
    half = bound * math.sqrt(found.variance)
    row |= {
        "people": found.people,
        "difference": found.difference,
        "low": found.difference - half,
        "high": found.difference + half,
    }
    experiment.looks = rows
    return True


def known(experiment: Experiment, found: AlwaysValid) -> AlwaysValid:
    """What may be said of the comparisons: the difference and interval at the last look.

    Before the first, the difference so far with an interval of everything.
    """
    if not experiment.looks:
        return replace(found, low=-0.5, high=0.5)
    last = experiment.looks[-1]
    return AlwaysValid(
        last["difference"], last["low"], last["high"], int(last["people"]), 1 / last["information"]
    )


@dataclass(frozen=True)
class Forecast:
    """How a trial that began now would go, by the lead that the policy truly has."""

    people: int  # who compared answers lately
    comparisons: float  # of each, per day
    days: float
    by_lead: Mapping[float, Power]  # empty where too few people compared


def forecast(
    session: Session,
    alpha: float,
    days: float,
    now: float | None = None,
    team_id: str | None = None,
) -> Forecast:
    """From the comparisons of the last ``RECENT_DAYS`` in chats that may be learned from.

    Of a team only those in its chats, else all.
    """
    since = (time.time() if now is None else now) - RECENT_DAYS * DAY
    statement: Any = (
        select(func.count(), func.count(func.distinct(Feedback.author_id)))
        .select_from(Feedback)
        .join(Conversation, col(Feedback.conversation_id) == col(Conversation.id))
        .where(Feedback.kind == FeedbackKind.RANKING, Feedback.created_at >= since)
        .where(Conversation.training, Conversation.purpose == Purpose.CHAT)
    )
    if team_id:
        statement = statement.where(Conversation.team_id == team_id)
    count, people = session.exec(statement).one()
    daily = count / RECENT_DAYS / people if people else 0.0
    return Forecast(people, daily, days, expected(people, daily, alpha, days))


def expected(people: int, daily: float, alpha: float, days: float) -> dict[float, Power]:
    """The power and length of a trial in which each of ``people`` compares ``daily`` times a day.

    Empty with fewer people than decide anything (``AlwaysValid.enough``).
    """
    if not AlwaysValid(0.0, 0.0, 0.0, people).enough or daily <= 0:
        return {}
    count = group_sequential.number_of_looks(days)
    passed = [days * (look + 1) / count for look in range(count)]
    information = [people / (APART**2 + 0.25 / (daily * day)) for day in passed]
    return {lead: group_sequential.power(lead, alpha, days, information) for lead in LEADS}
