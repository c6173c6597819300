"""/docs: the OpenAPI document as one plain page, which needs neither scripts nor the network."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.55 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font: 13px/1.5 ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border-radius: .5rem; background: #8882 }
details { border: 1px solid #8884; border-radius: .5rem; margin: .5rem 0; padding: .5rem .9rem }
summary { cursor: pointer } summary b { font-family: ui-monospace, monospace }
table { border-collapse: collapse; width: 100% }
td { border-bottom: 1px solid #8883; padding: .3rem .6rem; vertical-align: top }
"""
Document = dict[str, Any]


def add_docs(app: FastAPI) -> None:
    """Serve the page beside /openapi.json."""

    async def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()))

    app.add_api_route("/docs", docs, include_in_schema=False, response_class=HTMLResponse)


def page(document: Document) -> str:
    """The whole document as HTML."""
    info = document["info"]
    about = "".join(f"<p>{_ticks(part)}</p>" for part in info["description"].split("\n\n"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} API'
        f'</title><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1>{about}"
        '<p>For programs: <a href="/openapi.json">openapi.json</a></p>'
        f"<h2>Operations</h2>{''.join(_operations(document))}"
        f"<h2>Shapes</h2>{''.join(_shapes(document))}</html>"
    )


def _operations(document: Document) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            about = _ticks(operation.get("description", ""))
            inputs = _table(_inputs(operation))
            yield (
                f"<details><summary><b>{method.upper()} {escape(path)}</b> {about}</summary>"
                f"{inputs}{_body(operation)}{_answer(operation)}</details>"
            )


def _inputs(operation: Document) -> Iterator[tuple[str, str, str]]:
    for parameter in operation.get("parameters", []):
        kind = f"{parameter['in']}, {_type(parameter['schema'])}"
        yield parameter["name"], kind, parameter.get("description", "")


def _body(operation: Document) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    shapes = [_type(media["schema"]) for media in content.values()]
    return f"<p>Body: {', '.join(shapes)}</p>" if shapes else ""


def _answer(operation: Document) -> str:
    lines = []
    for status, response in operation["responses"].items():
        shapes = [_type(media.get("schema", {})) for media in response.get("content", {}).values()]
        lines.append(f"<li><b>{status}</b> {', '.join(shapes)}</li>")
    return f"<p>Answers:</p><ul>{''.join(lines)}</ul>"


def _shapes(document: Document) -> Iterator[str]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        about = _ticks(schema.get("description", ""))
        examples = (json.dumps(each, indent=2, ensure_ascii=False)
                    for each in schema.get("examples", []))  # fmt: skip
        shown = "".join(f"<pre>{escape(example)}</pre>" for example in examples)
        yield (
            f'<details id="{escape(name)}"><summary><b>{escape(name)}</b> {about}</summary>'
            f"{_table(_fields(schema))}{shown}</details>"
        )


def _fields(schema: Document) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        label = name if name in required else f"{name}?"
        yield label, _type(field), field.get("description", "")


def _table(rows: Iterator[tuple[str, str, str]]) -> str:
    """``kind`` is HTML already, the rest is text."""
    cells = [
        f"<tr><td><code>{escape(name)}</code></td><td>{kind}</td><td>{_ticks(about)}</td></tr>"
        for name, kind, about in rows
    ]
    return f"<table>{''.join(cells)}</table>" if cells else ""


def _type(schema: Document) -> str:
    """A schema in a few words, with links to the shapes that it names."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(_type(each) for each in schema[union])
    if "enum" in schema or "const" in schema:
        return " | ".join(repr(each) for each in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "anything")))


def _ticks(text: str) -> str:
    """Text with `code` and ``code`` set as code."""
    parts = escape(text).replace("``", "`").split("`")
    return "".join(f"<code>{part}</code>" if odd % 2 else part for odd, part in enumerate(parts))
