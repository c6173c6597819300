"""Counterfactual augmentation: the same sentences about different groups of people.

So that the name of a group alone does not raise a score (Dixon et al. 2018; Garg et al. 2019).
`counterfactual.jsonl` has harmless and hateful sentences with a placeholder; every group is
inserted equally often in both kinds.
"""

from collections.abc import Iterator
from itertools import cycle, islice

# as several people, as one of them, and as a quality
_GROUPS = (
    ("women", "a woman", "female"),
    ("trans people", "a trans person", "trans"),
    ("gay people", "a gay person", "gay"),
    ("lesbians", "a lesbian", "lesbian"),
    ("bisexual people", "a bisexual person", "bisexual"),
    ("black people", "a black person", "black"),
    ("Asian people", "an Asian person", "Asian"),
    ("Mexicans", "a Mexican", "Mexican"),
    ("Native Americans", "a Native American", "Native American"),
    ("Arabs", "an Arab", "Arab"),
    ("Chinese people", "a Chinese person", "Chinese"),
    ("Muslims", "a Muslim", "Muslim"),
    ("Jews", "a Jew", "Jewish"),
    ("Christians", "a Christian", "Christian"),
    ("immigrants", "an immigrant", "immigrant"),
    ("refugees", "a refugee", "refugee"),
    ("disabled people", "a disabled person", "disabled"),
    ("autistic people", "an autistic person", "autistic"),
    ("blind people", "a blind person", "blind"),
    ("old people", "an old person", "old"),
)
_EACH = 7  # groups that are inserted into a sentence


def about_groups(sentences: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    """Each sentence with its versions for some of the groups, in rotation."""
    turns = cycle(_GROUPS)
    for sentence in sentences:
        yield sentence, [_filled(sentence, *group) for group in islice(turns, _EACH)]


def _filled(sentence: str, people: str, person: str, kind: str) -> str:
    forms = {"people": people, "person": person, "kind": kind}
    forms |= {name.capitalize(): form[0].upper() + form[1:] for name, form in forms.items()}
    return sentence.format(**forms)
