"""Programs written for OpenAI's API against a running service: which work unchanged.

    tutelage bench clients --json

A fresh service starts on the base policy. The clients have environments of their own, which the
first run creates in some minutes (npm packages with npm); options name existing ones. schemathesis
reads the OpenAPI document and looks for requests that get a 5xx or an undocumented response.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import base_policy, node_modules, peer_python
from serving.serve import ServiceProcess

from tutelage.composition import open_core
from tutelage.policies.base import ensure_base
from tutelage.settings import Settings

SCRIPT = Path(__file__).parents[1] / "peers" / "clients.py"
PACKAGES = (
    "openai>=3.57,<4", "litellm>=1.110,<2", "langchain-openai>=1.7,<2", "huggingface_hub>=2.4,<3",
    "llm>=0.36,<1", "inspect-ai>=0.3.285,<0.4", "lm-eval[api]>=0.4.13,<0.5", "llm-comply>=0.5,<0.6",
    "schemathesis>=4.32,<5",
)  # fmt: skip
OWN = {  # in environments of their own: they pin other versions, or need several GB
    "open-webui": "open-webui>=0.12.4,<0.13",
    "guidellm": "guidellm>=0.8.1,<0.9",
    "garak": "garak>=0.17,<0.18",
}
NODE = {"openai-node": "openai", "ai-sdk": "ai"}  # with the npm package that has the version
NPM = ("openai@6", "ai@6", "@ai-sdk/openai@3", "@ai-sdk/openai-compatible@2", "zod@4")
CLIENTS = (
    "openai", "litellm", "langchain-openai", "huggingface-hub", "llm", "inspect-ai", "lm-eval",
    "llm-comply", "schemathesis", *OWN, *NODE,
)  # fmt: skip


def uses(place: Path, client: str, server: ServiceProcess) -> Iterator[dict[str, Any]]:
    """One row per use of a client: {"client", "version", "use", "ok", "error"}.

    ``place`` is an interpreter, or the folder node_modules of npm packages.
    """
    version = npm_version(place, client) if client in NODE else installed(place, client)
    if version is None:
        yield {"client": client, "version": None, "use": "", "ok": False, "error": "not installed"}
        return
    if client == "schemathesis":
        rows = fuzzed(place, server)
    elif client in NODE:
        rows = scripted(["node", SCRIPT.with_suffix(".mjs"), place], client, server)
    else:
        rows = scripted([place, SCRIPT], client, server)
    for row in rows:
        yield {"client": client, "version": version, **row}


def npm_version(modules: Path, client: str) -> str | None:
    """The version of an npm package in that folder."""
    package = modules / NODE[client] / "package.json"
    return json.loads(package.read_text())["version"] if package.is_file() else None


def installed(python: Path, client: str) -> str | None:
    """Its version in that environment."""
    asked = f"from importlib.metadata import version; print(version({client!r}))"
    answer = subprocess.run([python, "-c", asked], capture_output=True, text=True)
    return answer.stdout.strip() or None


def scripted(
    command: list[str | Path], client: str, server: ServiceProcess
) -> Iterator[dict[str, Any]]:
    """The calls of ``peers/clients.py`` or ``peers/clients.mjs``."""
    environment = os.environ | {"PYTHONPATH": ""}
    answer = subprocess.run(
        [*command, f"{server.url}/v1", server.key, client],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    found = [line for line in answer.stdout.splitlines() if line.startswith('{"use"')]
    if not found:
        yield {"use": "", "ok": False, "error": answer.stderr[-1500:]}
    yield from map(json.loads, found)


def fuzzed(python: Path, server: ServiceProcess, examples: int = 5) -> Iterator[dict[str, Any]]:
    """schemathesis on all operations of the document."""
    command = [
        python.parent.absolute() / "schemathesis", "run", f"{server.url}/openapi.json",
        "--header", f"Authorization: Bearer {server.key}", "--max-examples", str(examples),
        "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance",
        "--exclude-path-regex", "/session", "--phases", "examples,fuzzing", "--no-color",
        "--suppress-health-check", "all", "--request-timeout", "120",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:  # it leaves a cache where it runs
        answer = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    error = None if answer.returncode == 0 else (answer.stdout + answer.stderr)[-6000:]
    yield {"use": "every operation of /openapi.json", "ok": error is None, "error": error}


def place_of(client: str, given: dict[str, Path | None]) -> Path:
    """Where a client is installed: as given, or by its first use here."""
    if client in NODE:
        return given["node"] or node_modules("clients", NPM)
    if client in OWN:
        return given[client.removeprefix("open-")] or peer_python(client, (OWN[client],))
    return given["python"] or peer_python("clients", PACKAGES)


async def compare(given: dict[str, Path | None], clients: list[str]) -> list[dict[str, Any]]:
    """All rows, printed as they arrive."""
    places = {client: place_of(client, given) for client in clients}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        core = open_core(Settings(data=Path(folder)))
        ensure_base(core.store, core.library, str(base_policy()))
        server = ServiceProcess(core, threads=2, moderation=True)
        try:
            await server.ready()
            for client in clients:
                for row in uses(places[client], client, server):
                    rows.append(row)
                    print(line(row), flush=True)
        finally:
            await server.close()
    return rows


def line(row: dict[str, Any]) -> str:
    """A row of a table in Markdown."""
    outcome = "works" if row["ok"] else f"fails: {row['error']}"
    return f"| {row['client']} {row['version'] or ''} | {row['use']} | {outcome} |"


def main() -> None:
    """Run and print; with --json the last line is one JSON object. Exit status 1: one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, help="of an environment that has the clients")
    for client in OWN:
        option = f"--{client.removeprefix('open-')}"
        parser.add_argument(option, type=Path, help=f"the same for {client}")
    parser.add_argument("--node", type=Path, help="node_modules with the npm packages")
    parser.add_argument("--only", choices=CLIENTS, action="append", help="these clients alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = asyncio.run(compare(vars(options), options.only or list(CLIENTS)))
    if options.json:
        print(json.dumps({"works": sum(row["ok"] for row in rows), "of": len(rows), "rows": rows}))
    sys.exit(0 if all(row["ok"] for row in rows) else 1)


if __name__ == "__main__":
    main()
