"""JSON Lines: one JSON object a line, UTF-8, and a newline after every line.

A file that is written at once is replaced atomically, so ``read`` treats a line that is not a JSON
object as an error. A file that grows (the metrics of a running stage) may hold a torn line: the
last one while it is being written, or one whose writer was killed. ``append`` never continues a
torn line, and ``read_growing`` leaves it out, so at most that one row is lost.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tutelage import atomic

Row = dict[str, Any]


def line(row: Mapping[str, Any], sort_keys: bool = False) -> str:
    """One row with its newline; half a surrogate pair, which UTF-8 cannot hold, is escaped."""
    text = json.dumps(row, ensure_ascii=False, sort_keys=sort_keys) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def dumps(rows: Iterable[Mapping[str, Any]], sort_keys: bool = False) -> str:
    """The rows as one text."""
    return "".join(line(row, sort_keys) for row in rows)


def write(path: Path, rows: Iterable[Mapping[str, Any]], sort_keys: bool = False) -> None:
    """Replace the file by these rows, atomically. Raises OSError."""
    write_lines(path, (line(row, sort_keys).encode("utf-8") for row in rows))


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Replace the file by lines that ``line`` made, atomically. Raises OSError."""
    with atomic.file(path) as beside, beside.open("wb") as file:
        file.writelines(lines)


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row on a line of its own and sync it to disk. Raises OSError."""
    with path.open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        torn = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * torn + line(row).encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, numbered from 1. Only a newline ends a line: JSON texts may
    hold other characters that ``str.splitlines`` takes for one."""
    for number, each in enumerate(text.split("\n"), start=1):
        if each.strip():
            yield number, each


def parse(text: str) -> list[Row]:
    """The rows of a text. Raises ValueError with the number of a line that is not a JSON object."""
    rows = []
    for number, each in lines(text):
        try:
            row = json.loads(each)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"Line {number} is not JSON: {error}.") from error
        if not isinstance(row, dict):
            raise ValueError(f"Line {number} is not a JSON object.")
        rows.append(row)
    return rows


def read(path: Path) -> list[Row]:
    """The rows of a whole file. Raises OSError, and ValueError as ``parse`` does."""
    try:
        return parse(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_growing(path: Path) -> list[Row]:
    """The whole rows of a file that may still be written to; a missing file has none.

    NaN and infinity, which JSON does not know, become None.
    """
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return []
    return [row for _, each in lines(text) if isinstance(row := _lenient(each), dict)]


def _lenient(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _name: None)
    except ValueError:
        return None
