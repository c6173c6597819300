"""What every classifier promises, checked on each of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from moderation.categories import CATEGORIES
from moderation.classifier import KeywordClassifier, ModerationClassifier
from moderation.classifiers.batching import BatchedClassifier
from moderation.classifiers.detoxify import DetoxifyClassifier
from moderation.classifiers.embedded import EmbeddedClassifier
from moderation.classifiers.ensemble import EnsembleClassifier
from moderation.classifiers.remote import RemoteClassifier
from moderation.encoder.encoder import bundled_encoder

TEXTS = [
    "Good morning!",
    "I will kill you tonight, you pig.",
    "How do I kill a Python process? " * 30,
    "",
    "👍🏽🎉🤷‍♀️",
    "مرحبا، كيف حالك اليوم؟",
    "\u202eright to left\u202c",
    "k\u200bi\u200bl\u200bl them",
    "\u200b\u200d\ufeff",
    "\ud800",
    "\x00\x01",
]


WORDS = {"kill": "violence", "pig": "harassment"}


def service(request: httpx.Request) -> httpx.Response:
    """A moderation service as OpenAI's spec has it."""
    texts = json.loads(request.content)["input"]
    results = [{"category_scores": scores} for scores in KeywordClassifier(WORDS).classify(texts)]
    return httpx.Response(200, json={"id": "modr", "model": "m", "results": results})


def a_detoxify(folder: Path) -> DetoxifyClassifier:
    """From a checkpoint in Detoxify's format, tiny and with random weights."""
    classes = ["toxicity", "identity_attack", "insult", "threat"]
    config = BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=16, num_labels=len(classes))  # fmt: skip
    model = BertForSequenceClassification(config)
    config.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((bundled_encoder() / "tokenizer.json").read_bytes())
    kept = {"config": {"dataset": {"args": {"classes": classes}}}, "state_dict": model.state_dict()}
    torch.save(kept, folder / "toxic_original.ckpt")
    return DetoxifyClassifier.load(folder)


@pytest.fixture(
    scope="module", params=["keyword", "embedded", "remote", "combined", "batched", "detoxify"]
)
def classifier(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ModerationClassifier:
    keyword = KeywordClassifier(WORDS)
    match request.param:
        case "embedded":
            return EmbeddedClassifier.load()
        case "remote":
            return RemoteClassifier("http://m/v1", "m", transport=httpx.MockTransport(service))
        case "combined":
            return EnsembleClassifier([keyword, KeywordClassifier({"zonk": "hate"})])
        case "batched":
            return BatchedClassifier(keyword)
        case "detoxify":
            return a_detoxify(tmp_path_factory.mktemp("detoxify"))
    return keyword


def test_it_names_its_version(classifier: ModerationClassifier) -> None:
    assert classifier.version


def test_every_text_gets_thirteen_scores_from_0_to_1(classifier: ModerationClassifier) -> None:
    scores = classifier.classify(TEXTS)
    assert len(scores) == len(TEXTS)
    assert all(tuple(of_text) == CATEGORIES for of_text in scores)
    assert all(0.0 <= score <= 1.0 for of_text in scores for score in of_text.values())


def test_a_batch_scores_as_its_texts_do_alone_and_in_order(
    classifier: ModerationClassifier,
) -> None:
    for text, together in zip(TEXTS, classifier.classify(TEXTS), strict=True):
        assert classifier.classify([text])[0] == pytest.approx(together, abs=0.01)


def test_no_texts_give_no_scores(classifier: ModerationClassifier) -> None:
    assert classifier.classify([]) == []


@pytest.mark.parametrize("text", ["", "   \n\t", "\u200b\u200d", "\ud800"])
def test_a_text_without_content_scores_zero(classifier: ModerationClassifier, text: str) -> None:
    assert set(classifier.classify([text])[0].values()) == {0.0}


def test_harm_at_the_end_of_a_megabyte_is_found(classifier: ModerationClassifier) -> None:
    if isinstance(classifier, DetoxifyClassifier):
        pytest.skip("its weights are random here")
    long = "This is a calm and friendly sentence about gardens. " * 20_000
    harm = "I will find you and kill you, you pig. " * 5
    quiet, harmful = classifier.classify([long, long + harm])
    assert max(harmful.values()) > max(quiet.values()) + 0.2


def test_a_word_of_a_megabyte_is_read(classifier: ModerationClassifier) -> None:
    assert len(classifier.classify(["a" * 1_000_000])) == 1


def test_invisible_characters_change_no_score(classifier: ModerationClassifier) -> None:
    plain, hidden = classifier.classify(["I will kill you", "I will k\u200bil\u200dl y\u00adou"])
    assert hidden == pytest.approx(plain, abs=1e-4)


def test_threads_may_share_it(classifier: ModerationClassifier) -> None:
    alone = classifier.classify(TEXTS[:3])
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(classifier.classify, [TEXTS[:3]] * 8))
    assert all(
        scores == pytest.approx(expected, abs=0.01)
        for result in results
        for scores, expected in zip(result, alone, strict=True)
    )


def test_the_fake_refuses_unknown_categories() -> None:
    with pytest.raises(ValueError, match="rudeness"):
        KeywordClassifier({"word": "rudeness"})
