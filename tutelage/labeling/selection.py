"""Which prompts labelers are asked about: those where it is needed most, and unlike each other."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from tutelage.chat import conversations
from tutelage.feedback import feedback
from tutelage.tables import (
    Conversation,
    Feedback,
    FeedbackKind,
    LabelingTask,
    Message,
    ModerationRecord,
    Purpose,
)

_POOL = 500  # newest candidates that are looked at


@dataclass(frozen=True)
class Candidate:
    """A consented chat up to a message that a model has answered."""

    dialogue: list[Message]
    need: float  # 1 where people disliked the answer, 0 where they liked it, else 0.5

    @property
    def text(self) -> str:
        """What the user asked last."""
        return self.dialogue[-1].content


def candidates(session: Session, seed: int) -> list[Candidate]:
    """One randomly chosen answered message of each consented chat that no task was made of.

    Chats of teams are left out: labelers do not read them.
    """
    done = select(Conversation.origin_id).join(
        LabelingTask, col(LabelingTask.conversation_id) == Conversation.id
    )
    chats = session.exec(
        select(Conversation)
        .where(
            Conversation.training,
            Conversation.purpose == Purpose.CHAT,
            col(Conversation.team_id).is_(None),
            col(Conversation.id).not_in(done.where(col(Conversation.origin_id).is_not(None))),
        )
        .order_by(col(Conversation.seq).desc())
        .limit(_POOL)
    )
    draw = random.Random(seed)
    found = (_candidate(session, chat.id, draw) for chat in chats)
    return [candidate for candidate in found if candidate]


def choose(pool: Sequence[Candidate], count: int) -> list[Candidate]:
    """By need, then by distance from those already chosen (greedy, maximal marginal relevance)."""
    return [pool[index] for index in spread([c.text for c in pool], [c.need for c in pool], count)]


def spread(texts: Sequence[str], need: Sequence[float], count: int) -> list[int]:
    """Indexes of ``count`` texts: each the best sum of need and distance to the nearest chosen.

    Distance is one minus the cosine of TF-IDF vectors (Carbonell and Goldstein 1998, MMR).
    """
    if not texts:
        return []
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit_transform([*texts, "a"])[:-1]
    nearest = np.zeros(len(texts))
    chosen: list[int] = []
    for _ in range(min(count, len(texts))):
        gain = np.asarray(need) + (1 - nearest)
        gain[chosen] = -np.inf
        index = int(gain.argmax())
        chosen.append(index)
        similar = np.asarray((vectors @ vectors[index].T).todense()).ravel()
        nearest = np.maximum(nearest, similar)
    return chosen


def _candidate(session: Session, conversation_id: str, draw: random.Random) -> Candidate | None:
    tree = conversations.messages(session, conversation_id)
    blocked = set(_blocked(session, conversation_id))
    answered = [
        message
        for message in tree
        if message.role == "assistant" and message.policy_id and message.id not in blocked
    ]
    if not answered:
        return None
    response = draw.choice(answered)
    path = conversations.path_to(tree, response.parent_id)
    if not path or path[-1].role != "user" or any(each.id in blocked for each in path):
        return None
    return Candidate(path, _need(feedback.of_conversation(session, conversation_id), response.id))


def _need(judged: Sequence[Feedback], response_id: str) -> float:
    values = [
        row.value.get("value")
        for row in judged
        if row.kind == FeedbackKind.THUMBS and row.target == response_id
    ]
    if "down" in values:
        return 1.0
    return 0.0 if "up" in values else 0.5


def _blocked(session: Session, conversation_id: str) -> list[str]:
    said = select(Message.id).where(Message.conversation_id == conversation_id)
    statement = select(ModerationRecord.message_id).where(
        ModerationRecord.action == "block", col(ModerationRecord.message_id).in_(said)
    )
    return list(session.exec(statement))
