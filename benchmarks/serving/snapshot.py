"""The memory that freezing a snapshot takes (SQLite, Linux).

    tutelage bench snapshot --json
    tutelage bench snapshot --judgements 20000

A database with that many thumbs, each on a response of its own, is written into a temporary folder
and frozen twice: some conversations at a time, as an iteration does, and from all rows at once.
Both must give the same bytes.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import tell
from serving.scale import fill

from training import derivation, snapshot
from training.config import SnapshotConfig
from tutelage.composition import Core, open_core
from tutelage.feedback import preference_data
from tutelage.settings import Settings

CONFIG = SnapshotConfig(person_share=1.0, newcomer_share=1.0)
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK_TO_NOW = "5"


def streamed(core: Core, folder: Path) -> str:
    """Frozen some conversations at a time; the digest."""
    with core.store.read() as session:
        return derivation.freeze(session, CONFIG, folder).sha256


def at_once(core: Core, folder: Path) -> str:
    """Frozen from all rows; the digest."""
    with core.store.read() as session:
        rows = preference_data.read(session)
    return snapshot.write(derivation.derive(rows, CONFIG), folder)


def measured(freeze: Callable[[Core, Path], str], core: Core, folder: Path) -> tuple[str, str]:
    """The digest, and what freezing took: seconds and megabytes above what was in use before."""
    _CLEAR.write_text(_PEAK_TO_NOW)
    before, began = _megabytes("VmRSS"), time.monotonic()
    digest = freeze(core, folder)
    more = _megabytes("VmHWM") - before
    return digest, f"{more:.0f} MB more, {time.monotonic() - began:.0f} s"


def _megabytes(name: str) -> float:
    line = next(each for each in _STATUS.read_text().splitlines() if each.startswith(name))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--judgements", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="also print JSON, on the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        core = open_core(Settings(data=folder, rate_limit=0))
        fill(core, 2 * options.judgements, judged=1.0)
        first, some = measured(streamed, core, folder / "streamed")
        second, whole = measured(at_once, core, folder / "whole")
        core.store.close()
        assert first == second
        size = sum(each.stat().st_size for each in (folder / "whole").iterdir()) / 2**20
        tell({"streamed": some, "at once": whole, "snapshot": f"{size:.0f} MB"}, options.json)


if __name__ == "__main__":
    main()
