"""POST /v1/embeddings through the official SDK's two encodings, against transformers."""

import base64

import numpy as np
import pytest
import torch
from chat_service import ChatService
from transformers import AutoModel, AutoTokenizer

from moderation.encoder.encoder import bundled_encoder

TEXTS = ["A cat sat on the mat.", "The kitten was sitting on a rug, purring.", "Stocks fell."]


def embedded(service: ChatService, **changes: object) -> list[np.ndarray]:
    body = {"model": "all-minilm-l6-v2", "input": TEXTS} | changes
    answer = service.post("/v1/embeddings", body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["usage"]["prompt_tokens"] == told["usage"]["total_tokens"] > 0
    assert [each["index"] for each in told["data"]] == list(range(len(told["data"])))
    return [vector(each["embedding"]) for each in told["data"]]


def vector(told: str | list[float]) -> np.ndarray:
    if isinstance(told, str):
        return np.frombuffer(base64.b64decode(told), "<f4")
    return np.array(told, np.float32)


@torch.no_grad()
def expected() -> np.ndarray:
    """The mean of transformers' last states, normalised."""
    model = AutoModel.from_pretrained(bundled_encoder(), local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(bundled_encoder(), local_files_only=True)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    mask = batch["attention_mask"][..., None]
    means = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(means).numpy()


@pytest.mark.parametrize("form", ["float", "base64"])
def test_vectors_are_those_of_transformers(shared: ChatService, form: str) -> None:
    found = np.stack(embedded(shared, encoding_format=form))
    assert found.shape == (3, 384)
    np.testing.assert_allclose(found, expected(), atol=1e-5)


def test_near_meanings_are_near(shared: ChatService) -> None:
    cat, kitten, stocks = embedded(shared)
    assert cat @ kitten > 0.4 > 0.2 > cat @ stocks


def test_one_text_is_one_vector_whatever_its_company(shared: ChatService) -> None:
    (alone,) = embedded(shared, input=TEXTS[0])
    np.testing.assert_allclose(alone, embedded(shared)[0], atol=1e-5)
