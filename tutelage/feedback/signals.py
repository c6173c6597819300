"""What people do with responses, as signals of what they think of them.

A signal is worth what it agrees with what the same people say. Of two responses of a chat, of which
its owner judged one better and of which one has the signal: does the signal say the same? Chance
says one half, however often people like what they read.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import combinations, product
from typing import Any

from sqlmodel import Session, col, update

from tutelage.feedback import feedback, preference_data
from tutelage.feedback.preference_data import FeedbackExample, Rows
from tutelage.statistics import LEVEL, clustered_share
from tutelage.tables import Conversation, Feedback, FeedbackKind, Message, Purpose

FEWEST_PAIRS, FEWEST_CHATS = 30, 10  # with fewer no signal is relied on

Similar = Callable[[Sequence[tuple[str, str]]], Sequence[bool]]  # which pairs ask the same


class Signal(StrEnum):
    """What a person did with a response."""

    COPIED = "copied"
    REGENERATED = "regenerated"  # asked for another one
    EDITED = "edited"  # wrote its prompt anew
    REPHRASED = "rephrased"  # asked the same again in the next prompt
    STOPPED = "stopped"  # did not wait for its end

    @property
    def favours(self) -> bool:
        """Whether it speaks for the response; else against it."""
        return self is Signal.COPIED


Counts = Mapping[Signal, tuple[int, int]]  # pairs on which a signal agrees, and all that differ


@dataclass(frozen=True)
class SignalAgreement:
    """How often a signal says what people say: a share with its 95 % interval."""

    signal: Signal
    pairs: int
    chats: int
    share: float
    low: float
    high: float
    weight: float  # of a pair that the signal orders, where a judged one has 1; 0: it is not used

    def as_json(self) -> dict[str, Any]:
        """Flat."""
        return asdict(self)


@dataclass(frozen=True)
class ChatSignals:
    """The signals of one chat."""

    rows: Rows  # of this chat alone
    owner_id: str
    given: Mapping[Signal, AbstractSet[str]]  # the responses that have each
    judged: AbstractSet[tuple[str, str]]  # the owner says: the first response is better

    def counts(self, counted: Callable[[str], bool] = lambda _: True) -> Counts:
        """How far each signal agrees with the judgements; ``counted`` says of the first user
        message before a response whether its judgements count."""
        openings = self._openings() if self.judged else {}
        pairs = [
            pair for pair in self.judged if all(counted(openings.get(each, "")) for each in pair)
        ]
        found = {}
        for signal, having in self.given.items():
            differ = [a in having for a, b in pairs if (a in having) != (b in having)]
            if differ:
                found[signal] = (sum(each == signal.favours for each in differ), len(differ))
        return found

    def implied(self, signal: Signal) -> list[FeedbackExample]:
        """The rankings that a signal implies, of responses to one prompt that nobody judged."""
        known = {each for pair in self.judged for each in pair}
        siblings: dict[str | None, list[Message]] = defaultdict(list)
        for message in self.rows.messages:
            if message.role == "assistant":
                siblings[message.parent_id].append(message)
        found = [
            row
            for responses in siblings.values()
            if known.isdisjoint(each.id for each in responses)
            for row in self._ranking(signal, responses)
        ]
        return preference_data.learnable(replace(self.rows, feedback=found)) if found else []

    def _openings(self) -> dict[str, str]:
        """The first user message on the way to each message that has one."""
        found: dict[str, str] = {}
        for message in self.rows.messages:  # parents come before their children
            opening = found.get(message.parent_id or "")
            if opening is not None or message.role == "user":
                found[message.id] = message.content if opening is None else opening
        return found

    def _ranking(self, signal: Signal, responses: Sequence[Message]) -> Iterator[Feedback]:
        with_it, without = (
            [each.id for each in responses if (each.id in self.given[signal]) == has]
            for has in (True, False)
        )
        if with_it and without:
            order = [with_it, without] if signal.favours else [without, with_it]
            yield Feedback(
                id=f"{signal}_{responses[0].parent_id}", kind=FeedbackKind.RANKING,
                author_id=self.owner_id, conversation_id=responses[0].conversation_id,
                target=responses[0].parent_id or "", value={"ranking": order},
                seq=max(each.seq for each in responses),
            )  # fmt: skip


def note_copied(session: Session, owner_id: str, message_id: str) -> None:
    """Keep when the owner first copied a response, where the chat allows training.

    Raises NotFound for a message of another, Invalid for one that is not a response.
    """
    message = feedback.visible_response(session, owner_id, message_id, "message_id")
    if session.get_one(Conversation, message.conversation_id).training:
        first = (col(Message.id) == message_id, col(Message.copied_at).is_(None))
        session.execute(update(Message).where(*first).values(copied_at=time.time()))


def of_chats(rows: Rows, similar: Similar | None = None) -> Iterator[ChatSignals]:
    """The signals of each chat in these rows; imported ones and labelers' copies have none.

    ``similar`` is asked only about responses whose signals matter: judged ones, and those that are
    not the only one to their prompt. Without it no prompt is taken for rephrased.
    """
    messages, judged = defaultdict(list), defaultdict(list)
    for message in sorted(rows.messages, key=lambda message: message.seq):
        messages[message.conversation_id].append(message)
    for row in rows.feedback:
        judged[row.conversation_id].append(row)
    for chat in rows.conversations:
        if chat.purpose == Purpose.CHAT and chat.owner_id not in rows.sources:
            own = [row for row in judged[chat.id] if row.author_id == chat.owner_id]
            tree = _Tree(messages[chat.id])
            pairs = _judged_pairs(own, tree.responses.keys() - rows.blocked)
            alone = replace(rows, conversations=[chat], messages=messages[chat.id], feedback=own)
            given = tree.given({each for pair in pairs for each in pair}, similar)
            yield ChatSignals(alone, chat.owner_id, given, pairs)


def agreements(chats: Sequence[Counts]) -> list[SignalAgreement]:
    """How far each signal agrees with judgements, over chats; what was never compared is missing.

    The weight is the reliability above chance, 2 p - 1. It counts once the interval lies above one
    half, at the level of one signal among all of them (Bonferroni).
    """
    found = []
    for signal in Signal:
        counts = [each[signal] for each in chats if signal in each]
        if counts:
            found.append(_agreement(signal, counts))
    return found


def _agreement(signal: Signal, counts: Sequence[tuple[int, int]]) -> SignalAgreement:
    same, pairs = zip(*counts, strict=True)
    share, strict = (
        clustered_share(same, pairs, level) for level in (LEVEL, 1 - (1 - LEVEL) / len(Signal))
    )
    enough = sum(pairs) >= FEWEST_PAIRS and len(counts) >= FEWEST_CHATS
    weight = 2 * share.mean - 1 if enough and strict.low > 0.5 else 0.0
    return SignalAgreement(
        signal, sum(pairs), len(counts), share.mean, share.low, share.high, weight
    )


def _judged_pairs(rows: Sequence[Feedback], known: AbstractSet[str]) -> frozenset[tuple[str, str]]:
    """Which of two responses is better, by rankings and thumbs; what they say both ways is left
    out."""
    standing, pairs = feedback.effective(rows), set()
    thumbs: dict[str, list[str]] = defaultdict(list)
    for row in standing:
        if row.kind == FeedbackKind.THUMBS:
            thumbs[row.value["value"]].append(row.target)
        if row.kind == FeedbackKind.RANKING:
            for better, worse in combinations(row.value["ranking"], 2):
                pairs |= set(product(better, worse))
    pairs |= set(product(thumbs["up"], thumbs["down"]))
    return frozenset(pair for pair in pairs if known >= set(pair) and pair[::-1] not in pairs)


class _Tree:
    """A chat's messages, in order, by what they follow."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._by_id = {each.id: each for each in messages}
        self.responses = {each.id: each for each in messages if each.role == "assistant"}
        self._below: dict[str | None, list[Message]] = defaultdict(list)
        for each in messages:
            self._below[each.parent_id].append(each)

    def given(
        self, judged: AbstractSet[str], similar: Similar | None
    ) -> dict[Signal, frozenset[str]]:
        """The responses that have each signal."""
        asked = [
            (each.id, (prompt.content, follow.content))
            for each in self.responses.values()
            if (prompt := self._prompt(each)) and (each.id in judged or self._others(each))
            for follow in self._below[each.id]
            if follow.role == "user"
        ]
        same = similar([texts for _, texts in asked]) if similar and asked else []
        again = frozenset(name for (name, _), yes in zip(asked, same, strict=False) if yes)
        found = {
            Signal.COPIED: lambda each: each.copied_at is not None,
            Signal.STOPPED: lambda each: each.finish_reason == "cancelled",
            Signal.REGENERATED: self._regenerated,
            Signal.EDITED: self._edited,
        }
        return {Signal.REPHRASED: again} | {
            signal: frozenset(name for name, each in self.responses.items() if has(each))
            for signal, has in found.items()
        }

    def _prompt(self, response: Message) -> Message | None:
        return self._by_id.get(response.parent_id or "")

    def _others(self, response: Message) -> list[Message]:
        """The other responses to the same prompt."""
        return [
            each for each in self._below[response.parent_id]
            if each.role == "assistant" and each.id != response.id
        ]  # fmt: skip

    def _regenerated(self, response: Message) -> bool:
        return any(
            each.seq > response.seq
            and each.completion_id != response.completion_id
            and not (each.sampling or {}).get("continued")
            for each in self._others(response)
        )

    def _edited(self, response: Message) -> bool:
        prompt = self._prompt(response)
        return prompt is not None and any(
            each.role == "user" and each.seq > response.seq
            for each in self._below[prompt.parent_id]
        )
