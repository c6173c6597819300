"""Moderation of a request: everything that its client wrote, under the rules in force."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from moderation import injection
from moderation.classifier import ModerationClassifier
from moderation.rules import SideRules, Verdict, check_each
from server.chat.request import ResolvedRequest


@dataclass(frozen=True)
class PromptVerdict:
    """The verdict on a request, the most severe of its parts, and that on each new message."""

    whole: Verdict
    messages: Sequence[Verdict]

    def with_injection(self, text: str) -> "PromptVerdict":
        """With the signal of an attempt to override the instructions added."""
        return replace(self, whole=injection.warned(self.whole, text))


def check_prompt(
    classifier: ModerationClassifier, request: ResolvedRequest, side: SideRules
) -> PromptVerdict:
    """Moderates each part that the client wrote, and the newest messages as one text.

    Each part is read by itself, so that a long one cannot dilute another. The text of all newest
    messages finds what is spread over several of them.
    """
    messages = [_text_of(each) for each in request.new]
    texts = list(dict.fromkeys([request.prompt, *messages, *_beside(request)]))
    verdicts = dict(zip(texts, check_each(classifier, texts, side), strict=True))
    whole = max(verdicts.values(), key=lambda each: each.action.severity)
    return PromptVerdict(whole, [verdicts[text] for text in messages])


def _text_of(message: dict[str, Any]) -> str:
    """What a message says, with the arguments of its tool calls."""
    calls = [call["function"]["arguments"] for call in message.get("tool_calls", ())]
    return "\n".join([message["content"], *calls])


def _beside(request: ResolvedRequest) -> list[str]:
    """Instructions of this turn, the beginning of its response, and descriptions of tools."""
    tools = [sampling.tools for sampling in request.turn.samplings[:1]]
    texts = (request.turn.instructions, request.prefix, *_descriptions(tools))
    return [text for text in texts if text]


def _descriptions(value: object) -> Iterator[str]:
    """Each ``description`` anywhere in a JSON value."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield value["description"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _descriptions(each)
