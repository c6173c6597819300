"""A busy day: chats with their waiting times, judgements, reports, an appeal, labelers at work."""

import json
import random
import time

from service_fixture import ANSWERS, SPEED, TEA, VACCINES, RunningService
from sqlmodel import Session, select

from tutelage.chat import appeals, conversations
from tutelage.datasets import keeping, reading
from tutelage.feedback import feedback
from tutelage.labeling import labeling
from tutelage.people import accounts, people, teams
from tutelage.tables import (
    Conversation,
    FeedbackKind,
    Message,
    ModerationRecord,
    Role,
    User,
    new_id,
)

HOURS = 20
A_DAY = random.Random(4)  # the same day every time
POLICIES = ("policy-0001", "policy-0003", "policy-0003")
PROMPTS = (VACCINES, SPEED, TEA)
HARM = {"hate": 0.91}
PASSWORD = "correct horse battery"


EARLIER = {
    "An email that moves a meeting": 0.02,
    "Dinners for a busy week": 0.1,
    "Guitar or piano first?": 1.1,
    "Names for a small bakery": 1.4,
    "Why leaves turn red": 4,
    "A toast for my sister's wedding": 6,
}  # in days


def add_earlier(service: RunningService) -> None:
    """Conversations of the newest guest, some days old."""
    with service.core.store.write() as session:
        guest = list(session.exec(select(User).order_by(User.id)))[-1]
        for title, days in EARLIER.items():
            conversation = conversations.start(session, guest.id, True, title)
            conversation.updated_at = time.time() - days * 86_400


def fill_pages(service: RunningService) -> None:
    """Fill the pages."""
    with service.core.store.write() as session:
        for number in range(24):
            _chat(session, people.create_user(session, f"Reader {number}"), number)
        _appeal(session)
        _labeling(session)
        _dataset(session)
        ada = accounts.sign_up(session, "ada", accounts.new_hash("ada", PASSWORD), None)
        people.create_key(session, ada, "My notebook")
        radia = accounts.sign_up(session, "radia", accounts.new_hash("radia", PASSWORD), None)
        teams.join(session, radia.id, teams.create(session, "Support", "operator").id, "operator")


def _chat(session: Session, user: User, number: int) -> None:
    conversation = conversations.start(session, user.id, True)
    at = time.time() - 3600 * HOURS * (1 - (number / 24) ** 0.7)
    said = _turn(session, conversation, PROMPTS[number % 3], POLICIES[number % 3], at)
    value = {"value": "up" if A_DAY.random() < 0.7 else "down", "reasons": ["clear"]}
    thumb = feedback.record(session, user.id, FeedbackKind.THUMBS, [said], value, said.id)
    thumb.id = f"fb_{int(at * 1e9):016x}{A_DAY.randrange(16**8):08x}"
    thumb.created_at = at
    if number % 8 == 3:
        value = {"category": "bias", "comment": "It takes for granted who does the cooking."}
        feedback.record(session, user.id, FeedbackKind.REPORT, [said], value, said.id)


def _turn(
    session: Session, conversation: Conversation, text: str, policy: str, at: float
) -> Message:
    prompt = conversations.append(session, conversation, None, "user", text)
    wait = A_DAY.uniform(0.1, 0.6)
    columns = {
        "id": f"msg_{int(at * 1e9):016x}{A_DAY.randrange(16**8):08x}",
        "created_at": at, "policy_id": policy, "completion_id": new_id("chatcmpl"),
        "prompt_tokens": 40, "logprobs": [-0.2] * A_DAY.randrange(40, 160),
        "finish_reason": "stop", "first_text_seconds": wait, "seconds": wait + 3.1,
    }  # fmt: skip
    answer = A_DAY.choice(ANSWERS[text])
    return conversations.append(session, conversation, prompt.id, "assistant", answer, **columns)


def _appeal(session: Session) -> None:
    user = people.create_user(session, "Film lover")
    conversation = conversations.start(session, user.id, True)
    text = "Review the film Vileword for me, please."
    prompt = conversations.append(session, conversation, None, "user", text)
    record = ModerationRecord(
        message_id=prompt.id, classifier="keywords", scores=HARM, thresholds={"hate": 0.5},
        action="block", categories=["hate"], span=[16, 24],
    )  # fmt: skip
    session.add(record)
    session.flush()
    appeals.file(session, record, user.id, "It is the title of a film.")


def _labeling(session: Session) -> None:
    """Three tasks that two labelers ranked, one of them differently; and one of each kind open."""
    labelers = [people.create_user(session, name, Role.LABELER) for name in ("Grace", "Edsger")]
    for number in range(4):
        task = labeling.add_task(session, FeedbackKind.RANKING, VACCINES, None, overlap=2)
        conversation = session.get_one(Conversation, task.conversation_id)
        for text in ANSWERS[VACCINES]:
            conversations.append(session, conversation, task.message_id, "assistant", text)
        for labeler in labelers if number < 3 else []:
            _rank(session, labeler, number % 2 == 1, number == 0 and labeler is labelers[0])
    labeling.add_task(session, FeedbackKind.DEMONSTRATION, TEA, None, overlap=1)


def _dataset(session: Session) -> None:
    """A source that was imported whole."""
    lines = [
        {"prompt": f"Is {n} even?", "chosen": "Halve it and see.", "rejected": "Perhaps."}
        for n in range(120)
    ]
    _, report = reading.read("\n".join(map(json.dumps, lines)).encode(), None)
    origin = "Written by our own team"
    row = keeping.begin(session, "arithmetic", "CC BY 4.0", origin, report, "operator")
    row.kept = row.examples


def _rank(session: Session, labeler: User, turned: bool, differs: bool) -> None:
    assignment = labeling.take(session, labeler, FeedbackKind.RANKING, 0)
    assert assignment is not None
    ids = [each.id for each in labeling.answers(session, labeling.task_of(session, assignment))]
    first, second, *others = reversed(ids) if turned else ids
    places = (second, first, *others) if differs else (first, second, *others)
    order = [[name] for name in places]
    labeling.rank(session, assignment, order, ids, {ids[3]: ["too_long"]}, {ids[0]: 6}, 41.0)
