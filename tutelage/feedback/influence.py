"""How much one person, and all new accounts together, may teach.

Judgements of chats are capped: per person, and for accounts that are younger than a week as a
group. Above a cap a person's newest judgements are kept. Labelers are left to their reliability
(``tutelage.labeling.agreement``), imported data sets to the operator who imported them.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from tutelage.feedback.preference_data import FeedbackExample

FLOOR = 20  # judgements that any person may teach
FEW_ESTABLISHED = 5  # with fewer established people nothing holds newcomers back
PROBATION = 7 * 86_400.0  # seconds from the account's creation to the newest judgement


def limited(
    examples: Sequence[FeedbackExample],
    new: AbstractSet[str],
    person_share: float,
    newcomer_share: float,
) -> list[FeedbackExample]:
    """The examples within the caps, in their order; ``new`` are the ``newcomers``.

    ``person_share`` is the largest share of all judgements of chats by one person,
    ``newcomer_share`` that by all newcomers (0 to 1). One person always has ``FLOOR`` judgements,
    and twice an equal share where there are few people.
    """
    capped = [each for each in examples if not each.source and not each.labeled]
    caps = _caps(Counter(each.author_id for each in capped), new, person_share, newcomer_share)
    room, kept = dict(caps), set()
    for each in reversed(capped):
        room[each.author_id] -= 1
        if room[each.author_id] >= 0:
            kept.add(each.id)
    return [each for each in examples if each.source or each.labeled or each.id in kept]


def newcomers(accounts: Mapping[str, float], newest: float) -> set[str]:
    """The people whose accounts are in their first week at the time of the newest judgement.

    ``accounts`` gives when each signed up.
    """
    return {who for who, at in accounts.items() if newest - at < PROBATION}


def _caps(
    counts: Mapping[str, int], new: AbstractSet[str], person_share: float, newcomer_share: float
) -> dict[str, int]:
    """How many judgements are kept of each person."""
    new = new & counts.keys()
    share = max(person_share, 2 / max(len(counts), 1))
    cap = max(FLOOR, _largest_cap(list(counts.values()), share))
    caps = {who: min(count, cap) for who, count in counts.items()}
    if len(counts) - len(new) < FEW_ESTABLISHED or newcomer_share >= 1:
        return caps
    established = sum(count for who, count in caps.items() if who not in new)
    room = int(established * newcomer_share / (1 - newcomer_share))
    return caps | _dealt({who: caps[who] for who in sorted(new)}, room)


def _largest_cap(counts: Sequence[int], share: float) -> int:
    """The largest count per person that is at most ``share`` of all that is then kept."""
    fits = (
        cap
        for cap in range(max(counts, default=0), 0, -1)
        if min(cap, max(counts)) <= share * sum(min(count, cap) for count in counts)
    )
    return next(fits, 0)


def _dealt(wanted: Mapping[str, int], room: int) -> dict[str, int]:
    """``room`` judgements dealt out one by one, to each at most what is wanted."""
    dealt: dict[str, int] = defaultdict(int)
    waiting = [who for who, count in wanted.items() if count > 0]
    while waiting and room > 0:
        for who in waiting[:room]:
            dealt[who] += 1
        room -= len(waiting[:room])
        waiting = [who for who in waiting if dealt[who] < wanted[who]]
    return {who: dealt[who] for who in wanted}
