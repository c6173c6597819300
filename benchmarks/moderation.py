"""The moderation filter and its peers in one run: detection, cost, evasions.

    tutelage bench moderation --test ROWS.jsonl --json
    tutelage bench moderation --peer alt-profanity-check=V/bin/python --peer tox-block=W/bin/python
    tutelage bench moderation --only-floor DIR

ROWS holds {"text", "labels": {category: 0|1}}; without --test the project's own texts are used, on
which the heads were trained. Evasions are disguised versions of texts that are caught undisguised.
A peer that does not load is reported with its error; for Detoxify only the cost of its architecture
is measured. DIR holds the public sets: a TF-IDF baseline is cross-validated on OpenAI's texts, on
the folds of heads/CARD.md.
"""

import argparse
import json
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from moderation.categories import CATEGORIES, zero_scores
from moderation.classifiers.embedded import EmbeddedClassifier
from moderation.rules import ModerationRules, judge
from moderation.stream import StreamFilter
from moderation.training.datasets import (
    FOLDS,
    WRITTEN,
    LabelledText,
    read_all,
    read_rows,
    read_written,
)
from moderation.training.evaluate import (
    Scored,
    cpu_milliseconds,
    figures,
    intervals,
    score,
    share,
    share_interval,
)
from moderation.training.evasions import DISGUISES, disguised

PEERS = Path(__file__).parent / "peers"
SCRIPTS = {"alt-profanity-check": PEERS / "profanity.py", "tox-block": PEERS / "toxblock.py"}
VARIANTS = 200
ROUNDS = 5  # of timing


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--test", type=Path, help="JSON Lines of labelled texts")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON",
                        help=f"a Python that has one of: {', '.join(SCRIPTS)}")  # fmt: skip
    parser.add_argument("--only-test", action="store_true", help="no costs and no evasions")
    parser.add_argument("--only-floor", type=Path, metavar="DIR",
                        help="only cross-validate TF-IDF on OpenAI's texts")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    if options.only_floor:
        scored = floor(options.only_floor)
        report(figures(scored) | {"intervals": intervals(scored), "peers": {}}, options.json)
        return
    torch.set_num_threads(1)
    classifier = EmbeddedClassifier.load()
    examples = read_rows(options.test) if options.test else read_written(WRITTEN)
    scored = score(classifier, examples)
    result = figures(scored) | {"intervals": intervals(scored), "version": classifier.version}
    if not options.only_test:
        result |= {
            "cpu_ms_128_tokens": sorted(cpu_milliseconds(classifier) for _ in range(ROUNDS)),
            "detoxify_cpu_ms_128_tokens": detoxify_cost(),
            "stream": stream_cost(classifier),
            "evasions": evasions(classifier),
        }
    peers = dict(each.split("=", 1) for each in options.peer)
    result["peers"] = {name: peer(SCRIPTS[name], at, examples) for name, at in peers.items()}
    report(result, options.json)


def report(result: dict[str, Any], as_json: bool) -> None:
    show(result)
    if as_json:
        print(json.dumps(result))


def floor(data: Path) -> list[Scored]:
    """OpenAI's texts in `data`, scored by a logistic regression on words and pairs of words that
    was fitted to the other folds' texts; a category without both labels there scores 0."""
    examples = [each for each in read_all(data)[0] if each.source == "mod_openai1680"]
    scores = [zero_scores() for _ in examples]
    for fold in range(FOLDS):
        seen = [each for each in examples if each.fold != fold]
        unseen = [row for row, each in enumerate(examples) if each.fold == fold]
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        known = words.fit_transform([each.text for each in seen])
        asked = words.transform([examples[row].text for row in unseen])
        for category in CATEGORIES:
            rows = [row for row, each in enumerate(seen) if category in each.labels]
            labels = [seen[row].labels[category] for row in rows]
            if len(set(labels)) == 2:
                model = LogisticRegression(C=10.0, solver="liblinear").fit(known[rows], labels)
                for row, score in zip(unseen, model.predict_proba(asked)[:, 1], strict=True):
                    scores[row][category] = float(score)
    return list(zip(examples, scores, strict=True))


def evasions(classifier: EmbeddedClassifier) -> dict[str, Any]:
    """The share of VARIANTS disguised texts, each caught undisguised, that is still caught."""
    side = ModerationRules().prompt
    harmful = [each.text for each in read_written(WRITTEN) if each.harmful]
    random.Random(0).shuffle(harmful)
    plain = [text for text in harmful if judge(classifier.classify([text])[0], side).flagged]
    names = list(DISGUISES)
    tried = [(names[n % len(names)], plain[n % len(plain)]) for n in range(VARIANTS)]
    scores = classifier.classify([disguised(text, name) for name, text in tried])
    caught = [bool(judge(each, side).flagged) for each in scores]
    missed = sorted({name for (name, _), hit in zip(tried, caught, strict=True) if not hit})
    return {
        "variants": VARIANTS,
        "caught": share(caught),
        "interval": share_interval(caught),
        "missed_in": missed,
    }


def peer(script: Path, python: str, examples: Sequence[LabelledText]) -> dict[str, Any]:
    """A peer's single score, used for each category and for any harm; or why it does not load."""
    texts = json.dumps([example.text for example in examples])
    done = subprocess.run([python, script], input=texts, capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    answer = json.loads(done.stdout)
    found: dict[str, Any] = {"cpu_ms_per_text": round(answer["cpu_ms"], 2), "auprc": {}}
    for category in sorted({name for example in examples for name in example.labels}):
        rows = [(e.labels[category], s) for e, s in zip(examples, answer["scores"], strict=True)
                if category in e.labels]  # fmt: skip
        labels, scores = zip(*rows, strict=True)
        if len(set(labels)) == 2:
            found["auprc"][category] = round(float(average_precision_score(labels, scores)), 4)
    harm = [int(any(example.labels.values())) for example in examples]
    found["any"] = round(float(average_precision_score(harm, answer["scores"])), 4)
    measured = list(found["auprc"].values())
    found["macro"] = round(sum(measured) / len(measured), 4) if measured else None
    return found


def stream_cost(classifier: EmbeddedClassifier) -> dict[str, Any]:
    """The cost of checking a response before it is shown: characters held back, CPU."""
    text = (
        "The river bends twice before the village, and the old mill stands on its left bank. " * 24
    )
    stream = StreamFilter(classifier, ModerationRules().response)
    first, start = 0, time.process_time()
    for at in range(0, len(text), 4):
        if stream.push(text[at : at + 4]).text and not first:
            first = at + 4
    stream.finish()
    spent = 1e6 * (time.process_time() - start) / len(text)
    return {"first_characters": first, "cpu_ms_per_1000_characters": round(spent, 1)}


def detoxify_cost() -> float:
    """CPU milliseconds of Detoxify's architecture (BERT-base, random weights) on 128 tokens."""
    from moderation.classifiers.detoxify import untrained

    return cpu_milliseconds(untrained(), repeats=5)


def show(result: dict[str, Any]) -> None:
    loaded = {name: each for name, each in result["peers"].items() if "auprc" in each}
    print(f"{'AUPRC':26}{'here':>8}{'95 % interval':>18}"
          + "".join(f"{name:>22}" for name in loaded))  # fmt: skip
    for name, ours in _all(result).items():
        low, high = result["intervals"].get(name, (None, None))
        between = f"[{_shown(low)}, {_shown(high)}]"
        theirs = (_all(each).get(name) for each in loaded.values())
        print(f"{name:26}{_shown(ours):>8}{between:>18}"
              + "".join(f"{_shown(each):>22}" for each in theirs))  # fmt: skip
    for name, each in result["peers"].items():
        print(f"{name}: " + (f"does not load: {each['error']}" if "error" in each
                             else f"{each['cpu_ms_per_text']} CPU ms a text"))  # fmt: skip
    if "evasions" not in result:
        return
    evaded, stream = result["evasions"], result["stream"]
    low, *_, high = result["cpu_ms_128_tokens"]
    median = result["cpu_ms_128_tokens"][ROUNDS // 2]
    print(f"CPU ms for 128 tokens: {median} ({low} to {high} in {ROUNDS} rounds), "
          f"Detoxify's architecture {result['detoxify_cpu_ms_128_tokens']}")  # fmt: skip
    print(f"A blocked stream waits for its first {stream['first_characters']} characters; checking "
          f"1000 characters costs {stream['cpu_ms_per_1000_characters']} CPU ms")  # fmt: skip
    print(f"Disguised texts caught: {evaded['caught']:.1%} of {evaded['variants']}, "
          f"95% interval {evaded['interval']}")  # fmt: skip


def _all(result: dict[str, Any]) -> dict[str, float | None]:
    return {**result["auprc"], "macro": result["macro"], "any": result["any"]}


def _shown(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.3f}"


if __name__ == "__main__":
    main()
