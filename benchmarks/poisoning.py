"""How much of the honest gain remains when people teach in bad faith.

    tutelage bench poisoning --json
    tutelage bench poisoning --seeds 20

Responses are points of 16 features, and the true reward is linear in them. Honest people rank four
responses with noise; the others rank by the opposite of the true reward. The rows go through the
snapshot and the reward model's own fit. The gain is the true reward of the best of eight new
responses by the fitted score, above a random one. "kept" is its share of the gain that the honest
rows give by themselves: with everybody counted alike, and with caps and weights. Intervals are 95 %
bootstraps over seeds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from common import tell

from training.config import SnapshotConfig
from training.reward.head import fit_head
from training.reward.preferences import PreferenceBatch, PreferenceExample
from training.snapshot import derive
from tutelage.feedback.influence import PROBATION
from tutelage.feedback.preference_data import Gold, Rows
from tutelage.statistics import Interval, bootstrap
from tutelage.tables import Conversation, Feedback, FeedbackKind, Message, Purpose

FEATURES, ANSWERS, CHOICES, PROMPTS = 16, 4, 8, 400
NOISE = 1.0  # of an honest person, in standard deviations of the true reward
PENALTY, RESAMPLES = 0.01, 1000
NOW = 100 * PROBATION
PLAIN = SnapshotConfig(held_out=0.0, person_share=1.0, newcomer_share=1.0)
GUARDED = SnapshotConfig(held_out=0.0)


@dataclass(frozen=True)
class Cohort:
    """People of one kind, each with as many judgements."""

    people: int
    judgements: int
    honest: bool = True
    new: bool = False  # their accounts were made this week


@dataclass(frozen=True)
class Attack:
    """Who teaches; labelers rank the same tasks, of which the first are gold."""

    honest: Cohort
    attackers: Cohort
    labelers: bool = False
    gold: int = 0


USERS = Cohort(20, 10)
LABELERS = Cohort(5, 60)
ATTACKS = {
    "one account with 500 judgements": Attack(USERS, Cohort(1, 500, honest=False)),
    "twenty new accounts with one opinion": Attack(USERS, Cohort(20, 10, honest=False, new=True)),
    "twenty new accounts with 50 judgements each": Attack(
        USERS, Cohort(20, 50, honest=False, new=True)
    ),
    "one labeler of six lies": Attack(LABELERS, Cohort(1, 60, honest=False), labelers=True),
    "four labelers of nine collude, no gold": Attack(
        LABELERS, Cohort(4, 60, honest=False), labelers=True
    ),
    "four labelers of nine collude, 6 gold tasks": Attack(
        LABELERS, Cohort(4, 60, honest=False), labelers=True, gold=6
    ),
    "six labelers of eleven collude, 6 gold tasks": Attack(
        LABELERS, Cohort(6, 60, honest=False), labelers=True, gold=6
    ),
}


class World:
    """Prompts with responses, whose features and true reward are known."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.direction = self.random.normal(size=FEATURES)
        self.direction /= np.linalg.norm(self.direction)
        self.features: dict[str, np.ndarray] = {}  # of a response's text

    def judge(self, attack: Attack, groups: Sequence[Cohort]) -> Rows:
        """The rows that these people leave behind."""
        parts: list[Rows] = []
        accounts: dict[str, float] = {}
        tasks = [self._chat(f"task{n}", attack.labelers) for n in range(LABELERS.judgements)]
        for kind, group in enumerate(groups):
            for person in range(group.people):
                who = f"user_{kind}_{person}"
                accounts[who] = NOW - (0.1 if group.new else 10) * PROBATION
                for n in range(group.judgements):
                    chat = tasks[n] if attack.labelers else self._chat(f"{who}_{n}", False)
                    parts.append(self._judged(chat, who, group.honest))
        gold = {
            f"msg_task{n}": Gold(self._ranking(tasks[n], 1.0, 0.0), None)
            for n in range(attack.gold)
        }
        return Rows(
            list({row.id: row for part in parts for row in part.conversations}.values()),
            list({row.id: row for part in parts for row in part.messages}.values()),
            [_placed(row, n) for n, row in enumerate(_mixed(self.random, parts))],
            frozenset(),
            accounts=accounts,
            gold=gold,
        )

    def gain(self, weight: np.ndarray) -> float:
        """True reward of the best of CHOICES by this score, above a random response."""
        found = self.random.normal(size=(PROMPTS, CHOICES, FEATURES))
        best = (found @ weight).argmax(1)
        return float((found[np.arange(PROMPTS), best] @ self.direction).mean())

    def _chat(self, name: str, labeling: bool) -> Rows:
        chat = Conversation(
            id=f"conv_{name}", owner_id="owner", training=True,
            purpose=Purpose.LABELING if labeling else Purpose.CHAT,
        )  # fmt: skip
        prompt = Message(
            id=f"msg_{name}", conversation_id=chat.id, role="user", content=name, seq=0
        )
        answers = [
            Message(id=f"msg_{name}_{n}", conversation_id=chat.id, parent_id=prompt.id,
                    role="assistant", content=f"{name}/{n}", finish_reason="stop", seq=n + 1)
            for n in range(ANSWERS)
        ]  # fmt: skip
        for answer in answers:
            self.features[answer.content] = self.random.normal(size=FEATURES)
        return Rows([chat], [prompt, *answers], [], frozenset())

    def _ranking(self, chat: Rows, sign: float, noise: float) -> list[list[str]]:
        answers = chat.messages[1:]
        worth = sign * np.array([self.features[each.content] @ self.direction for each in answers])
        worth += noise * self.random.normal(size=ANSWERS)
        return [[answers[place].id] for place in np.argsort(-worth)]

    def _judged(self, chat: Rows, who: str, honest: bool) -> Rows:
        ranking = self._ranking(chat, *((1.0, NOISE) if honest else (-1.0, 0.0)))
        row = Feedback(
            id=f"fb_{who}_{chat.conversations[0].id}", author_id=who, target=chat.messages[0].id,
            conversation_id=chat.conversations[0].id, kind=FeedbackKind.RANKING,
            value={"ranking": ranking}, created_at=NOW,
        )  # fmt: skip
        return replace(chat, feedback=[row])


def _mixed(random: np.random.Generator, parts: Sequence[Rows]) -> list[Feedback]:
    rows = [row for part in parts for row in part.feedback]
    return [rows[place] for place in random.permutation(len(rows))]


def _placed(row: Feedback, seq: int) -> Feedback:
    """The row with its place in the order of writing, as the database gives it."""
    row.seq = seq
    return row


def fitted(world: World, rows: Rows, config: SnapshotConfig, weighted: bool) -> np.ndarray:
    """The weights [FEATURES] of a head that was fitted to the snapshot of these rows."""
    examples, features = [], []
    for row in derive(rows, config).rankings:
        places = row["ranks"]
        pairs = [(i, j, float(places[i] < places[j]))
                 for i in range(len(places)) for j in range(i + 1, len(places))]  # fmt: skip
        examples.append(
            PreferenceExample(
                row["conversation_id"], torch.empty(0), [torch.empty(0)] * len(places), pairs,
                row["weight"] if weighted else 1.0,
            )
        )  # fmt: skip
        features += [world.features[text] for text in row["responses"]]
    table_of_features = torch.tensor(np.array(features), dtype=torch.float32)
    return fit_head(table_of_features, PreferenceBatch.of(examples), PENALTY).numpy()


def kept(attack: Attack, seed: int) -> dict[str, float]:
    """Shares of the honest gain, with everybody alike and with caps and weights."""
    world = World(seed)
    honest = replace(attack, gold=0)
    alone = world.gain(fitted(world, world.judge(honest, [attack.honest]), PLAIN, False))
    rows = world.judge(attack, [attack.honest, attack.attackers])
    return {
        "alike": world.gain(fitted(world, rows, PLAIN, False)) / alone,
        "guarded": world.gain(fitted(world, rows, GUARDED, True)) / alone,
    }


def measure(attack: Attack, seeds: int) -> dict[str, Interval]:
    """The kept shares over seeds."""
    found = [kept(attack, seed) for seed in range(seeds)]
    return {way: bootstrap([each[way] for each in found], RESAMPLES, 0) for way in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="also print JSON, on the last line")
    options = parser.parse_args()
    rows = {name: measure(attack, options.seeds) for name, attack in ATTACKS.items()}
    shown: dict[str, Any] = {
        name: ", ".join(f"{way} {share}" for way, share in row.items())
        for name, row in rows.items()
    }
    tell(shown, options.json)


if __name__ == "__main__":
    main()
