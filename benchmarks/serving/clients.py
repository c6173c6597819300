"""Programs written for OpenAI's API against a running service: which work unchanged.

    tutelage bench clients --json

A fresh service starts on the base policy. The clients have their own environment, which the first
run creates in some minutes; ``--python`` names an existing one. schemathesis reads the OpenAPI
document and looks for requests that get a 5xx or an undocumented response.
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

from common import base_policy, peer_python
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
WEBUI = ("open-webui>=0.12.4,<0.13",)  # with torch, so in an environment of its own: several GB
CLIENTS = (
    "openai", "litellm", "langchain-openai", "huggingface-hub", "llm", "inspect-ai", "lm-eval",
    "open-webui", "llm-comply", "schemathesis",
)  # fmt: skip


def uses(python: Path, client: str, server: ServiceProcess) -> Iterator[dict[str, Any]]:
    """One row per use of a client: {"client", "version", "use", "ok", "error"}."""
    version = installed(python, client)
    if version is None:
        yield {"client": client, "version": None, "use": "", "ok": False, "error": "not installed"}
        return
    rows = fuzzed(python, server) if client == "schemathesis" else scripted(python, client, server)
    for row in rows:
        yield {"client": client, "version": version, **row}


def installed(python: Path, client: str) -> str | None:
    """Its version in that environment."""
    asked = f"from importlib.metadata import version; print(version({client!r}))"
    answer = subprocess.run([python, "-c", asked], capture_output=True, text=True)
    return answer.stdout.strip() or None


def scripted(python: Path, client: str, server: ServiceProcess) -> Iterator[dict[str, Any]]:
    """The calls of ``peers/clients.py``."""
    url = f"{server.url}/v1"
    environment = os.environ | {"PYTHONPATH": ""}
    answer = subprocess.run(
        [python, SCRIPT, url, server.key, client], capture_output=True, text=True, env=environment,
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


async def compare(python: Path, webui: Path | None, clients: list[str]) -> list[dict[str, Any]]:
    """All rows, printed as they arrive."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        core = open_core(Settings(data=Path(folder)))
        ensure_base(core.store, core.library, str(base_policy()))
        server = ServiceProcess(core, threads=2, moderation=True)
        try:
            await server.ready()
            for client in clients:
                own = webui if client == "open-webui" else python
                for row in uses(own or peer_python("open-webui", WEBUI), client, server):
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
    parser.add_argument("--webui", type=Path, help="the same for open-webui")
    parser.add_argument("--only", choices=CLIENTS, action="append", help="these clients alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    python = options.python or peer_python("clients", PACKAGES)
    rows = asyncio.run(compare(python, options.webui, options.only or list(CLIENTS)))
    if options.json:
        print(json.dumps({"works": sum(row["ok"] for row in rows), "of": len(rows), "rows": rows}))
    sys.exit(0 if all(row["ok"] for row in rows) else 1)


if __name__ == "__main__":
    main()
