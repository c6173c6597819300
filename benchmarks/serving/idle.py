"""What a replica costs that nobody uses: statements a minute, and what they look through.

    tutelage bench idle --json
    tutelage bench idle --database-url postgresql+psycopg://USER@HOST/EMPTY

A database is filled as `tutelage bench scale` does it. The service starts without a model, and from
then on every statement to the database is counted, until the minutes are over. Each is then
explained: one that reads a table of more than LARGE rows, or an index of it, from end to end is
named. On PostgreSQL the planner may not do so where it has an index. The memory is that of
`tutelage serve` with the bundled policy.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from common import tell
from fastapi.testclient import TestClient
from serving.scale import fill
from sqlalchemy import event, func, select, text
from sqlmodel import SQLModel

from moderation.classifier import KeywordClassifier
from moderation.rules import ModerationRules
from server.app import create_app
from server.generators.echo import EchoGenerator
from server.services import Services
from training.demo.service import Service
from tutelage.composition import Core, open_core
from tutelage.policies.base import ensure_base
from tutelage.settings import Settings

LARGE = 500  # rows
WARM_SECONDS = 20.0


def statements(core: Core, minutes: float) -> dict[str, Any]:
    """How many there were in a minute, by their text, and those without an index."""
    seen: Counter[str] = Counter()
    examples: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen[statement] += 1
        examples.setdefault(statement, parameters)

    services = Services(
        settings=core.settings, store=core.store, library=core.library,
        iterations_folder=core.iterations, generator=EchoGenerator(policy_id=None),
        classifier=KeywordClassifier({}), moderation=ModerationRules(),
    )  # fmt: skip
    with TestClient(create_app(services)):
        time.sleep(WARM_SECONDS)
        event.listen(core.store.engine, "before_cursor_execute", note)
        time.sleep(60 * minutes)
        event.remove(core.store.engine, "before_cursor_execute", note)
    large = _large_tables(core)
    assert _scans(core, large, "SELECT count(*) FROM message WHERE content LIKE 'x'", ())
    scans = [said for said in seen if _scans(core, large, said, examples[said])]
    return {
        "statements a minute": round(sum(seen.values()) / minutes),
        "different ones": len(seen),
        "large tables": sorted(large),
        "most frequent": {" ".join(said.split())[:110]: n for said, n in seen.most_common(5)},
        "without an index": [" ".join(said.split())[:300] for said in scans],
    }


def _large_tables(core: Core) -> set[str]:
    with core.store.engine.connect() as connection:
        counts = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in SQLModel.metadata.tables.items()
        }
    return {name for name, count in counts.items() if count > LARGE}


def _scans(core: Core, large: set[str], statement: str, parameters: Any) -> bool:
    """Whether the database reads a large table from end to end for it."""
    if not statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
        return False
    sqlite = core.store.engine.dialect.name == "sqlite"
    explain, scan = ("EXPLAIN QUERY PLAN", "SCAN") if sqlite else ("EXPLAIN", "Seq Scan on")
    with core.store.engine.connect() as connection:
        if not sqlite:
            connection.execute(text("SET enable_seqscan = off"))
        plan = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    lines = [f"{row[-1]} ".replace('"', "") for row in plan]
    return any(f"{scan} {name} " in line for line in lines for name in large)


def memory(folder: Path) -> int:
    """Resident MiB of a service that has loaded the bundled policy and is idle."""
    core = open_core(Settings(data=folder))
    ensure_base(core.store, core.library, "")
    core.store.close()
    with Service(Settings(data=folder), folder / "service.log") as service:
        time.sleep(WARM_SECONDS)
        lines = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    (kilobytes,) = (int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return kilobytes // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--database-url", default="", help="PostgreSQL instead of SQLite")
    parser.add_argument("--json", action="store_true", help="also print JSON, on the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = folder / "data"
        core = open_core(Settings(data=data, rate_limit=0, database_url=options.database_url))
        fill(core, options.messages)
        found = statements(core, options.minutes)
        core.store.close()
        tell(found | {"memory, MiB": memory(folder / "served")}, options.json)


if __name__ == "__main__":
    main()
