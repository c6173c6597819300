"""The OpenAPI document: ``python -m server.openapi`` prints it, byte for byte reproducible."""

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

import tutelage
from server.schemas.openai.chat import ChatCompletionChunk

_DESCRIPTION = """\
A self-hosted chat assistant that learns from its users' feedback.

`/v1/chat/completions`, `/v1/responses`, `/v1/models` and `/v1/moderations` are OpenAI-compatible: \
the official SDKs work with `base_url` = this server + `/v1`. Every response can be rated with \
`/v1/feedback`; the ratings train the next policy.

Authentication: `Authorization: Bearer tk-…` (`tutelage key create --name N`), or the web UI's \
session cookie. Every error has the format `{"error": {"message", "type", "param", "code"}}`.
"""


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of an application's routes, generated once."""
    if app.openapi_schema is None:
        drawn = get_openapi(
            title="tutelage",
            version=tutelage.__version__,
            description=_DESCRIPTION,
            routes=app.routes,
        )
        app.openapi_schema = _completed(drawn)
    return app.openapi_schema


def _completed(drawn: dict[str, Any]) -> dict[str, Any]:
    """Adds what FastAPI does not infer: the chunks of a stream, and bearer authentication."""
    schemas = drawn["components"]["schemas"]
    chunk = ChatCompletionChunk.model_json_schema(
        ref_template="#/components/schemas/{model}", mode="serialization"
    )
    for name, schema in chunk.pop("$defs").items():
        schemas.setdefault(name, schema)
    schemas["ChatCompletionChunk"] = chunk
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    drawn["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    drawn["security"] = [{"key": []}]
    for operations in drawn["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    return drawn


def operation_id(route: APIRoute) -> str:
    """The function's name, which generated clients use."""
    return route.name


def document() -> dict[str, Any]:
    """The document of the whole API. No services are needed for it."""
    from server.routes.all import all_routes

    app = FastAPI(generate_unique_id_function=operation_id)
    app.include_router(all_routes())
    return describe(app)


def main() -> None:
    """Print the document."""
    json.dump(document(), sys.stdout, indent=2, ensure_ascii=False, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
