"""A moderation service with OpenAI's API: OpenAI itself or another tutelage."""

from collections.abc import Sequence
from typing import Any

import httpx

from moderation.categories import CATEGORIES, zero_scores
from moderation.encoder.normalize import normalize
from tutelage.errors import Unavailable

_BATCH = 32


class RemoteClassifier:
    """Calls `url`/moderations. Errors are raised: the rules decide whether to fail closed."""

    covers = frozenset(CATEGORIES)

    def __init__(
        self,
        url: str,
        model: str,
        key: str = "",
        timeout: float = 10.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`url` ends before /moderations, as in "https://host/v1"; `timeout` in seconds."""
        self.version = f"remote-{model}"
        self._model = model
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(
            base_url=url, headers=headers, timeout=timeout, transport=transport
        )

    def classify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Raises Unavailable when the request fails or the response is malformed."""
        found = [zero_scores() for _ in texts]
        asked = [index for index, text in enumerate(texts) if normalize(text).strip()]
        for first in range(0, len(asked), _BATCH):
            batch = asked[first : first + _BATCH]
            for index, scores in zip(batch, self._ask([texts[i] for i in batch]), strict=True):
                found[index] = scores
        return found

    def _ask(self, texts: list[str]) -> list[dict[str, float]]:
        try:
            answer = self._client.post("/moderations", json={"model": self._model, "input": texts})
            answer.raise_for_status()
            results = answer.json()["results"]
            scores = [_scores(each["category_scores"]) for each in results]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"The moderation service failed: {error!r}.") from error
        if len(scores) != len(texts):
            raise Unavailable(f"The moderation service scored {len(scores)} of {len(texts)} texts.")
        return scores


def _scores(given: dict[str, Any]) -> dict[str, float]:
    """All 13; a model that lacks a category (older ones do) scores 0 there."""
    return {category: float(given.get(category) or 0.0) for category in CATEGORIES}
