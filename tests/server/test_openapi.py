"""The OpenAPI document, from which the web UI's client is generated."""

import json
import runpy
from typing import Any

import pytest
from chat_service import ChatService

from server import openapi
from server.openapi import document


def references(value: Any) -> set[str]:
    """All ``$ref`` targets inside."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_printed_document_is_the_served_one(
    shared: ChatService, capsys: pytest.CaptureFixture[str]
) -> None:
    runpy.run_path(openapi.__file__, run_name="__main__")
    printed = capsys.readouterr().out
    assert json.loads(printed) == shared.client.get("/openapi.json").json()
    assert printed == json.dumps(document(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def test_every_reference_leads_somewhere() -> None:
    shapes = document()["components"]["schemas"]
    for reference in references(document()):
        assert reference.removeprefix("#/components/schemas/") in shapes


def test_every_operation_and_shape_is_described() -> None:
    drawn = document()
    for methods in drawn["paths"].values():
        for operation in methods.values():
            assert operation["description"] and operation["operationId"]
    undescribed = [name for name, shape in drawn["components"]["schemas"].items()
                   if not shape.get("description")]  # fmt: skip
    assert undescribed == []


def test_stream_chunks_are_part_of_it() -> None:
    chat = document()["paths"]["/v1/chat/completions"]["post"]
    assert "text/event-stream" in chat["responses"]["200"]["content"]
    assert "ChatCompletionChunk" in document()["components"]["schemas"]
