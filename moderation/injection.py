"""Prompt-injection attempts: a signal besides the 13 categories that can only warn.

Patterns of the known kinds (Perez and Ribeiro 2022; Liu et al. 2023): overriding instructions,
asking for the hidden ones, personas without rules, forged turns of the dialogue. They detect an
attempt, not whether it would succeed, and rephrasing evades them.
"""

import re
from dataclasses import replace
from typing import NamedTuple

from moderation.encoder.normalize import normalize
from moderation.rules import Action, Verdict

CATEGORY = "prompt-injection"
VERSION = "injection-1"
THRESHOLD = 0.5

_RULES = (
    r"(rules?|instructions?|guidelines?|polic(y|ies)|directives?|restrictions?|filters?|prompts?)"
)
_PATTERNS: tuple[tuple[float, str], ...] = (
    (0.9, rf"\b(ignore|disregard|forget|override|bypass)\b.{{0,40}}\b(previous|prior|above|earlier|"
          rf"all|your|any|these)\b.{{0,30}}\b{_RULES}\b"),
    (0.9, r"\bdo anything now\b|\byou are (now )?(going to (act|pretend)|DAN\b)|\bjail ?broken\b"),
    (0.8, r"\b(developer|debug|god|sudo|unrestricted|jailbreak) mode\b.{0,40}\b(on|enabled|activ)"),
    (0.8, r"<\|?(im_start|system|endoftext)\|?>|\[/?(INST|SYS(TEM)?)\]|"
          r"^[ \t]*#+ *system( prompt)?:"),
    (0.7, rf"\b(reveal|print|repeat|show|output|leak)\b.{{0,40}}\b(system|hidden|initial|secret)\b"
          rf".{{0,20}}\b{_RULES}\b"),
    (0.7, r"\b(without|no|free (from|of)|not bound by|has no|have no|ignoring)\b.{0,30}"
          r"\b(ethic\w*|moral\w*|restrictions?|filters?|limitations?|censorship|guidelines)\b"),
    (0.6, r"\bstay in character\b|\bnever (refuse|say (that )?you can.?t)|\bnew instructions:"),
    (0.5, r"\b(pretend|act|respond|answer|behave) as (if )?.{0,60}\b(no|without|unfiltered|amoral|"
          r"uncensored|unrestricted|evil)\b"),
)  # fmt: skip
_COMPILED = [(score, re.compile(pattern, re.IGNORECASE | re.MULTILINE | re.DOTALL))
             for score, pattern in _PATTERNS]  # fmt: skip


class Attempt(NamedTuple):
    """How likely a prompt is an attempt, 0 to 1, and the words that match."""

    score: float
    words: str


def find(text: str) -> Attempt:
    """The strongest match; several matches add up (noisy or)."""
    plain = normalize(text)
    found = [(score, match.group()) for score, each in _COMPILED if (match := each.search(plain))]
    if not found:
        return Attempt(0.0, "")
    missed = 1.0
    for score, _ in found:
        missed *= 1 - score
    return Attempt(round(1 - missed, 4), max(found)[1])


def warned(verdict: Verdict, text: str) -> Verdict:
    """The verdict with this signal added, which can raise it to a warning and no further."""
    score = find(text).score
    scores = verdict.scores | {CATEGORY: score}
    thresholds = verdict.thresholds | {CATEGORY: THRESHOLD}
    if score < THRESHOLD or verdict.failed:
        return replace(verdict, scores=scores, thresholds=thresholds)
    action = max(verdict.action, Action.WARN, key=lambda each: each.severity)
    flagged = (*verdict.flagged, CATEGORY)
    return replace(verdict, action=action, flagged=flagged, scores=scores, thresholds=thresholds)
