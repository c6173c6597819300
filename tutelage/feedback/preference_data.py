"""What may be learned from: the judgements that stand in consented conversations, resolved.

The rule is here once. Training freezes what it yields into a snapshot; readiness counts it.
Left out: conversations without consent, withdrawn and superseded feedback, whatever rests on a
message that moderation blocked, edits and demonstrations that it flagged, and judgements of
fragments: responses that were cancelled or broke off.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Self

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from tutelage.feedback import feedback
from tutelage.tables import (
    Conversation,
    Dataset,
    Feedback,
    FeedbackKind,
    LabelingTask,
    Message,
    ModerationRecord,
    Purpose,
    User,
)
from tutelage.text.single_line import single_line

CHATS_AT_ONCE = 100
Dialogue = list[dict[str, str]]  # [{"role", "content"}, …] as a chat template takes it
_WRITTEN = (FeedbackKind.EDIT, FeedbackKind.DEMONSTRATION)
_FRAGMENT = ("cancelled", "error")  # finish reasons of responses without their end
_PLAIN = {
    "temperature": 1.0, "top_p": 1.0, "top_k": 0, "presence_penalty": 0.0,
    "frequency_penalty": 0.0, "logit_bias": {}, "stop": [], "schema": None, "tools": None,
    "repetition_penalty": 1.0, "min_p": 0.0, "continued": 0, "ignore_eos": False,
}  # fmt: skip


class LeftOut(StrEnum):
    """Why a judgement that stands is not learned from."""

    CONSENT = "consent"  # training on the conversation is not allowed
    FLAGGED = "flagged"  # moderation flagged the text that would be learned
    BLOCKED = "blocked"  # it rests on a message that moderation blocked, or on a tool's
    FRAGMENT = "fragment"  # the response was cancelled or broke off
    NOTHING_NEW = "nothing_new"  # the text is empty, or that of the response
    REPORT = "report"  # reports become cases of the gate
    CAP = "cap"  # more than one person, or all new accounts, may teach


class Gold(NamedTuple):
    """The ranking of a gold task, known to be right."""

    ranking: Sequence[Sequence[str]]
    author_id: str | None


@dataclass(frozen=True)
class Rows:
    """The stored rows that a snapshot is derived from."""

    conversations: Sequence[Conversation]
    messages: Sequence[Message]
    feedback: Sequence[Feedback]
    blocked: frozenset[str]  # ids of messages that moderation blocked
    sources: Mapping[str, str] = field(default_factory=dict)  # of users that are data sets: names
    accounts: Mapping[str, float] = field(default_factory=dict)  # of authors: when they signed up
    gold: Mapping[str, Gold] = field(default_factory=dict)  # of ranked messages

    def source_of(self, conversation_id: str) -> str:
        """The data set that a conversation was imported with; empty: people's own."""
        return self._sources.get(conversation_id, "")

    @cached_property
    def _sources(self) -> dict[str, str]:
        owners = {chat.id: chat.owner_id for chat in self.conversations}
        return {chat: self.sources[who] for chat, who in owners.items() if who in self.sources}


@dataclass(frozen=True)
class SampledResponse:
    """How a judged response came about; a person's text has no sampling."""

    finished: bool = True  # False: it ended at its token limit
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None

    @classmethod
    def of(cls, message: Message) -> Self:
        """From what is stored with the message."""
        stored = message.sampling or {}
        named = {name: stored.get(name) for name in ("temperature", "top_p", "max_tokens")}
        return cls(message.finish_reason != "length", **named)


@dataclass(frozen=True)
class FeedbackExample:
    """One standing judgement with the texts it is about.

    ``responses`` are answers to ``prompt`` and ``ranks`` their places, 0 the best, equal = tied.
    A ranking has two or more; an edit has [the person's text, the original] ranked [0, 1];
    thumbs and demonstrations have one.
    """

    id: str
    kind: FeedbackKind
    conversation_id: str
    author_id: str
    prompt: Dialogue
    responses: list[str]
    ranks: list[int]
    liked: bool = False  # thumbs up
    source: str = ""  # the data set that it was imported with; empty: people's own
    labeled: bool = False  # whether it answers a labeling task
    seq: int = 0  # the judgement's place in the order of writing
    sampled: list["SampledResponse"] = field(default_factory=list)  # one for each of ``responses``

    @property
    def whole(self) -> bool:
        """Whether all responses ended by themselves."""
        return all(response.finished for response in self.sampled)

    @property
    def first_user_message(self) -> str:
        """The first thing that the user said."""
        return first_user_message(self.prompt)

    @property
    def comparisons(self) -> int:
        """How many pairs of responses it puts in order."""
        return sum(a < b for a in self.ranks for b in self.ranks)


@dataclass(frozen=True)
class Prompt:
    """A dialogue that ends with a user's message and waits for an answer."""

    id: str  # of the user's message
    conversation_id: str
    prompt: Dialogue
    source: str = ""  # as of a judgement
    seq: int = 0  # the message's place in the order of writing


@dataclass(frozen=True)
class Logged:
    """An answer with the log-probabilities that its tokens were drawn with, EOS included."""

    seq: int  # the message's place in the order of writing
    conversation_id: str
    prompt: Dialogue
    token_ids: list[int]
    logprobs: list[float]


def read(
    session: Session, conversation_ids: Sequence[str] | None = None, tokens: bool = False
) -> Rows:
    """The rows of the conversations that may be trained on: of all of no team, or of those named.

    ``tokens``: with what ``logged`` needs, which is larger than everything else together.
    """
    return _read(session, conversation_ids, tokens, _Shared.read(session))


def batches(session: Session, tokens: bool = False, team_id: str | None = None) -> Iterator[Rows]:
    """The rows of a team's conversations, or of those of no team, some conversations at a time."""
    chosen = select(Conversation.id).where(Conversation.training, Conversation.team_id == team_id)
    yield from _batches(session, list(session.exec(chosen.order_by(col(Conversation.seq)))), tokens)


def _batches(session: Session, ids: Sequence[str], tokens: bool = False) -> Iterator[Rows]:
    shared = _Shared.read(session)
    for start in range(0, len(ids), CHATS_AT_ONCE):
        yield _read(session, ids[start : start + CHATS_AT_ONCE], tokens, shared)


class _Shared(NamedTuple):
    """What ``Rows`` of all conversations have in common."""

    sources: dict[str, str]
    accounts: dict[str, float]
    gold: dict[str, Gold]

    @classmethod
    def read(cls, session: Session) -> Self:
        return cls(
            {row.user_id: row.name for row in session.exec(select(Dataset))},
            dict(session.exec(select(User.id, User.created_at)).all()),
            gold(session),
        )


def _read(
    session: Session, conversation_ids: Sequence[str] | None, tokens: bool, shared: _Shared
) -> Rows:
    chosen = select(Conversation).where(Conversation.training)
    if conversation_ids is None:
        chosen = chosen.where(col(Conversation.team_id).is_(None))
    blocked = select(ModerationRecord.message_id).where(ModerationRecord.action == "block")
    if conversation_ids is not None:
        chosen = chosen.where(col(Conversation.id).in_(conversation_ids))
        said = col(Message.conversation_id).in_(conversation_ids)
        blocked = blocked.where(
            col(ModerationRecord.message_id).in_(select(Message.id).where(said))
        )
    consented = chosen.with_only_columns(col(Conversation.id))
    messages = select(Message).where(col(Message.conversation_id).in_(consented))
    messages = messages.options(defer(col(Message.folded)))  # type: ignore[arg-type]
    if not tokens:
        sampled = (Message.token_ids, Message.logprobs)
        messages = messages.options(*(defer(col(each)) for each in sampled))  # type: ignore[arg-type]
    judged = select(Feedback).where(col(Feedback.conversation_id).in_(consented))
    return Rows(
        conversations=list(session.exec(chosen)),
        messages=list(session.exec(messages)),
        feedback=list(session.exec(judged)),
        blocked=frozenset(session.exec(blocked)),
        **shared._asdict(),
    )


def gold(session: Session) -> dict[str, Gold]:
    """The rankings of gold tasks, by the message whose responses they rank."""
    tasks = session.exec(select(LabelingTask).where(col(LabelingTask.message_id).is_not(None)))
    return {
        task.message_id: Gold(task.gold["ranking"], task.gold.get("author_id"))
        for task in tasks
        if task.gold and task.message_id
    }


def comparing(session: Session, team_id: str | None = None) -> Iterator[list[FeedbackExample]]:
    """The rankings and edits that may be learned from, some conversations at a time.

    ``team_id`` as of ``batches``.
    """
    kinds = (FeedbackKind.RANKING, FeedbackKind.EDIT)
    chats = select(Conversation.id).where(Conversation.team_id == team_id)
    judged = (
        select(Feedback.conversation_id)
        .where(col(Feedback.kind).in_(kinds), col(Feedback.conversation_id).in_(chats))
        .distinct()
    )
    ids = list(session.exec(judged))
    for rows in _batches(session, ids):
        yield [example for example in learnable(rows) if example.comparisons]


def learnable(rows: Rows, flagged: bool = False) -> list[FeedbackExample]:
    """The judgements that may be learned from, in order.

    ``flagged``: also edits and demonstrations that moderation flagged.
    """
    labeling = {chat.id for chat in rows.conversations if chat.purpose == Purpose.LABELING}
    return [
        replace(
            example,
            source=rows.source_of(example.conversation_id),
            labeled=example.conversation_id in labeling,
        )
        for _, example in _resolved(rows, flagged)
        if isinstance(example, FeedbackExample)
    ]


def left_out(rows: Rows, flagged: bool = False) -> dict[str, LeftOut]:
    """The judgements that stand and are not learnable, by id, with the reason."""
    return {
        row.id: reason for row, reason in _resolved(rows, flagged) if isinstance(reason, LeftOut)
    }


def _resolved(rows: Rows, flagged: bool) -> Iterator[tuple[Feedback, FeedbackExample | LeftOut]]:
    usable = _Usable(rows)
    consented = {conversation.id for conversation in rows.conversations if conversation.training}
    for row in feedback.effective(rows.feedback):
        if row.conversation_id not in consented:
            yield row, LeftOut.CONSENT
        elif _is_flagged(row) and not flagged:
            yield row, LeftOut.FLAGGED
        else:
            yield row, usable.example(row)


def prompts(rows: Rows) -> list[Prompt]:
    """Every different dialogue that ends with a user's message, in order of the messages."""
    usable = _Usable(rows)
    consented = {conversation.id for conversation in rows.conversations if conversation.training}
    found: dict[str, Prompt] = {}
    for message in sorted(rows.messages, key=lambda message: message.seq):
        if message.role != "user" or message.conversation_id not in consented:
            continue
        dialogue = usable.dialogue(message.id)
        if dialogue:
            source = rows.source_of(message.conversation_id)
            prompt = Prompt(message.id, message.conversation_id, dialogue, source, message.seq)
            found.setdefault(repr(dialogue), prompt)
    return list(found.values())


def logged(rows: Rows) -> list[Logged]:
    """The answers that were drawn from a policy as it is, in order of the messages.

    Of others (a temperature, a cut-off, a penalty, a stop string) what is stored is not what they
    were drawn with.
    """
    usable = _Usable(rows)
    found = []
    for message in sorted(rows.messages, key=lambda message: message.seq):
        dialogue = usable.dialogue(message.parent_id) if _drawn_plainly(message) else None
        if dialogue and message.id not in rows.blocked:
            assert message.token_ids and message.logprobs
            said = message.token_ids, message.logprobs
            found.append(Logged(message.seq, message.conversation_id, dialogue, *said))
    return found


def _drawn_plainly(message: Message) -> bool:
    whole = message.finish_reason in ("stop", "length") and message.sampling is not None
    if not whole or not message.token_ids or len(message.token_ids) != len(message.logprobs or ()):
        return False
    sampling = _PLAIN | (message.sampling or {})
    return all(sampling[name] == value for name, value in _PLAIN.items())


def _is_flagged(row: Feedback) -> bool:
    """Whether moderation flagged a text that would be learned."""
    return row.moderation is not None and row.kind in _WRITTEN


def first_user_message(dialogue: Dialogue) -> str:
    """The first user message of a dialogue."""
    return next((turn["content"] for turn in dialogue if turn["role"] == "user"), "")


def system_prompt(dialogue: Dialogue) -> Dialogue:
    """The system message that opens a dialogue, alone; empty where there is none."""
    return [turn for turn in dialogue[:1] if turn["role"] == "system"]


class _Usable:
    """Messages that moderation let pass, looked up by id and by completion.

    Calls of tools and what tools found are no dialogue to learn from: our policies know no tools.
    """

    def __init__(self, rows: Rows) -> None:
        self._by_id = {
            m.id: m
            for m in rows.messages
            if m.id not in rows.blocked and not m.tool_calls and m.role != "tool"
        }

    def example(self, row: Feedback) -> FeedbackExample | LeftOut:
        """The row with its texts, or why they are not learned from."""
        if row.kind == FeedbackKind.REPORT:
            return LeftOut.REPORT
        if row.kind == FeedbackKind.RANKING:
            return self._ranking(row)
        response = self._by_id.get(row.target)
        prompt = self.dialogue(response.parent_id) if response else None
        if response is None or not prompt:
            return LeftOut.BLOCKED
        if row.kind == FeedbackKind.EDIT:
            return self._edit(row, prompt, response)
        if row.kind == FeedbackKind.DEMONSTRATION:
            if not single_line(response.content):
                return LeftOut.NOTHING_NEW
            return _judged(row, prompt, [response], [0])
        if response.finish_reason in _FRAGMENT:
            return LeftOut.FRAGMENT
        return _judged(row, prompt, [response], [0], liked=row.value.get("value") == "up")

    def dialogue(self, message_id: str | None) -> Dialogue | None:
        """The turns from the root down to a user's message; nothing when one is blocked.

        A system message may open it; then the user speaks.
        """
        path: Dialogue = []
        while message_id is not None:
            message = self._by_id.get(message_id)
            if message is None:
                return None
            path.append({"role": message.role, "content": message.content})
            message_id = message.parent_id
        path.reverse()
        spoken = path[len(system_prompt(path)) :]
        return path if spoken and spoken[0]["role"] == "user" else None

    def _ranking(self, row: Feedback) -> FeedbackExample | LeftOut:
        groups = row.value.get("ranking", [])
        known = [
            (self._by_id[message_id], rank)
            for rank, group in enumerate(groups)
            for message_id in group
            if message_id in self._by_id
        ]
        placed = [(m, rank) for m, rank in known if m.finish_reason not in _FRAGMENT]
        siblings = [(m, rank) for m, rank in placed if m.parent_id == placed[0][0].parent_id]
        prompt = self.dialogue(siblings[0][0].parent_id) if len(siblings) > 1 else None
        if not prompt:
            return LeftOut.FRAGMENT if len(placed) < len(known) else LeftOut.BLOCKED
        responses = [message for message, _ in siblings]
        return _judged(row, prompt, responses, _dense([rank for _, rank in siblings]))

    def _edit(
        self, row: Feedback, prompt: Dialogue, original: Message
    ) -> FeedbackExample | LeftOut:
        text = row.value.get("text", "")
        if not single_line(text) or text.strip() == original.content.strip():
            return LeftOut.NOTHING_NEW
        return _judged(row, prompt, [text, original], [0, 1])


def _judged(
    row: Feedback,
    prompt: Dialogue,
    responses: Sequence[Message | str],
    ranks: list[int],
    liked: bool = False,
) -> FeedbackExample:
    """The example; a response that is text alone was written by a person."""
    return FeedbackExample(
        row.id,
        FeedbackKind(row.kind),
        row.conversation_id,
        row.author_id,
        prompt,
        [each if isinstance(each, str) else each.content for each in responses],
        ranks,
        liked,
        seq=row.seq,
        sampled=[
            SampledResponse() if isinstance(each, str) else SampledResponse.of(each)
            for each in responses
        ],
    )


def _dense(ranks: Iterable[int]) -> list[int]:
    """The same order with places 0, 1, 2, … where a whole place was left out."""
    ranks = list(ranks)
    places = {rank: place for place, rank in enumerate(sorted(set(ranks)))}
    return [places[rank] for rank in ranks]
