"""
title: Tutelage feedback
description: Sends thumbs, comments and arena votes to Tutelage as they are given.
version: 1.0.0
"""

# Installed by copying this file into Admin Panel > Functions > New function, enabling it and making
# it global. open-webui has no hook for ratings, so the function listens to the rows of its table.
# It finds the rated response in Tutelage by its text, with the API key that the connection uses.

import json
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import event

logger = logging.getLogger("tutelage_feedback")
THUMBS = {"1": "up", "-1": "down"}
SEARCHED = 80  # characters of a response that it is found by
LOOKED_AT = 10  # conversations in which those words occur
RETRY_SECONDS = (1, 5, 30, 120, 600)
COMMENT = 2000  # characters


class Filter:
    """open-webui's name for a function that is loaded with the chats; it changes none of them."""

    class Valves(BaseModel):
        """Settings in open-webui's admin panel."""

        url: str = Field(default="http://127.0.0.1:8000", description="Address of Tutelage.")
        key: str = Field(default="", description="The API key of the connection to Tutelage.")

    def __init__(self) -> None:
        self.valves = self.Valves()
        self._sending = ThreadPoolExecutor(1, "tutelage-feedback")
        self._listen()

    def rated(self, row: dict[str, Any]) -> None:
        """A rating was given or changed: send it, as often as it takes. Never raises."""
        try:
            body = self.thumb(row)
        except (KeyError, TypeError, AttributeError):
            return  # not a rating of a response
        if body:
            self._sending.submit(self._send, body)

    def thumb(self, row: dict[str, Any]) -> dict[str, Any] | None:
        """The rating of a row of open-webui, with the texts that it is found by."""
        data, meta = row["data"], row["meta"]
        value = THUMBS.get(str(data.get("rating")))
        messages = row["snapshot"]["chat"]["chat"]["history"]["messages"]
        response = messages[meta["message_id"]]
        prompt = messages[response["parentId"]]
        if value is None:
            return None
        words = [str(data.get("comment") or ""), str(data.get("reason") or "")]
        comment = " ".join(word for word in words if word)[:COMMENT]
        texts = {"prompt": prompt["content"], "response": response["content"]}
        return {**texts, "value": value, "comment": comment}

    def find(self, prompt: str, response: str) -> tuple[str, int] | None:
        """The completion and the choice that have this text."""
        query = urllib.parse.urlencode({"q": response.strip()[:SEARCHED], "limit": LOOKED_AT})
        for chat in self._call("GET", f"/v1/conversations?{query}")["data"]:
            messages = self._call("GET", f"/v1/conversations/{chat['id']}")["messages"]
            by_id = {each["id"]: each for each in messages}
            for each in messages:
                asked = by_id.get(each["parent_id"], {}).get("content", "")
                same = each["content"].strip() == response.strip()
                if each["completion_id"] and same and asked.strip() == prompt.strip():
                    return each["completion_id"], each["choice"] or 0
        return None

    def _send(self, body: dict[str, Any]) -> None:
        for seconds in (*RETRY_SECONDS, None):
            try:
                found = self.find(body["prompt"], body["response"])
                if found is None:
                    logger.info("A rated response is not Tutelage's.")
                    return
                rating = {"kind": "thumbs", "completion_id": found[0], "choice": found[1]}
                rating |= {"value": body["value"], "comment": body["comment"]}
                self._call("POST", "/v1/feedback", rating)
                return
            except (OSError, ValueError, KeyError) as error:
                final = isinstance(error, urllib.error.HTTPError) and 400 <= error.code < 429
                if final or seconds is None:
                    logger.warning("A rating was not accepted: %s", error)
                    return
                time.sleep(seconds)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.valves.key}", "content-type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.valves.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def _listen(self) -> None:
        """Hear of ratings once, also when open-webui loads the function again."""
        from open_webui.models.feedbacks import Feedback

        first = not hasattr(Feedback, "tutelage")
        Feedback.tutelage = self
        if first:
            for name in ("after_insert", "after_update"):
                event.listen(Feedback, name, _heard)


def _heard(_mapper: Any, _connection: Any, row: Any) -> None:
    type(row).tutelage.rated({"data": row.data, "meta": row.meta, "snapshot": row.snapshot})
