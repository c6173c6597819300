"""Reads a data set's file: every row becomes examples, or a problem in the report."""

import gzip
import hashlib
import io
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tutelage import jsonl
from tutelage.datasets import formats
from tutelage.datasets.chats import archives
from tutelage.datasets.example import Example
from tutelage.errors import Invalid
from tutelage.text.wording import counted

_SHOWN = 5  # rows that are named for each problem
_GZIP = b"\x1f\x8b"


@dataclass
class ImportReport:
    """What a file holds and what of it cannot be used."""

    format: str
    sha256: str
    rows: int = 0
    demonstrations: int = 0
    thumbs: int = 0
    rankings: int = 0
    comparisons: int = 0  # pairs in order
    duplicates: int = 0
    problems: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    moderated_by: str | None = None  # the classifier's version; None: not moderated
    flagged: dict[str, list[Example]] = field(default_factory=lambda: defaultdict(list))
    excluded: int = 0  # flagged examples that are left out

    @property
    def examples(self) -> int:
        """How many examples there are to keep."""
        return self.demonstrations + self.thumbs + self.rankings

    @property
    def suspects(self) -> set[str]:
        """The fingerprints of all flagged examples."""
        return {each.fingerprint for some in self.flagged.values() for each in some}

    def lines(self) -> list[str]:
        """The report as people read it."""
        found = [
            f"{counted(self.rows, 'row')} of {self.format}: "
            f"{counted(self.demonstrations, 'demonstration')}, "
            f"{counted(self.thumbs, 'thumb')}, "
            f"{counted(self.rankings, 'ranking')} ({counted(self.comparisons, 'comparison')}), "
            f"{counted(self.duplicates, 'duplicate')}."
        ]
        for reason, rows in sorted(self.problems.items(), key=lambda each: -len(each[1])):
            some = ", ".join(map(str, rows[:_SHOWN])) + (", …" if len(rows) > _SHOWN else "")
            found.append(
                f"{len(rows)} skipped ({'row' if len(rows) == 1 else 'rows'} {some}): {reason}"
            )
        return found + self._moderation_lines()

    def _moderation_lines(self) -> list[str]:
        if self.moderated_by is None:
            return ["Moderation is off; the examples were not checked."]
        found = [f"{counted(len(self.suspects), 'example')} flagged by {self.moderated_by}."]
        for category, some in sorted(self.flagged.items(), key=lambda each: -len(each[1])):
            rows = ", ".join(map(str, rows_of(some))) + (", …" if len(some) > _SHOWN else "")
            found.append(
                f"{len(some)} flagged ({'row' if len(some) == 1 else 'rows'} {rows}): {category}"
            )
        if self.excluded:
            found.append(f"{counted(self.excluded, 'flagged example')} excluded.")
        return found


def read(content: bytes, format_name: str | None) -> tuple[list[Example], ImportReport]:
    """The examples of a file, JSON Lines or a JSON array, also gzipped; each said once.

    Raises Invalid for a file that is no data set at all.
    """
    rows = archives.rows(content) if archives.is_archive(content) else list(_rows(_text(content)))
    if not rows:
        raise Invalid("The file has no rows.", "file")
    name = format_name or formats.recognised(rows[0])
    report = ImportReport(name, hashlib.sha256(content).hexdigest(), len(rows))
    known: dict[str, Example] = {}
    for number, row in enumerate(rows, start=1):
        for example in _examples(formats.named(name), row, number, report):
            report.duplicates += example.fingerprint in known
            known.setdefault(example.fingerprint, example)
    _count(list(known.values()), report)
    return list(known.values()), report


def without_flagged(examples: Sequence[Example], report: ImportReport) -> list[Example]:
    """What is left when the flagged examples are left out; the report counts only that."""
    suspects = report.suspects
    left = [each for each in examples if each.fingerprint not in suspects]
    report.excluded = len(examples) - len(left)
    _count(left, report)
    return left


def rows_of(examples: Sequence[Example]) -> list[int]:
    """The first rows of the file that they stand in, as many as are shown."""
    return sorted({each.row for each in examples})[:_SHOWN]


def _count(examples: Sequence[Example], report: ImportReport) -> None:
    report.demonstrations = sum(each.is_demonstration for each in examples)
    report.thumbs = sum(each.liked is not None for each in examples)
    report.rankings = sum(each.is_ranking for each in examples)
    report.comparisons = sum(len(each.pairs()) for each in examples)


def _examples(format: formats.Format, row: Any, number: int, report: ImportReport) -> list[Example]:
    try:
        if not isinstance(row, dict):
            raise Invalid("The row is not a JSON object.")
        found = format.read(row)
        for each in found:
            if isinstance(each, Invalid):
                report.problems[each.message].append(number)
        return [replace(each, row=number) for each in found if isinstance(each, Example)]
    except Invalid as error:
        report.problems[error.message].append(number)
    except (RecursionError, OverflowError):
        report.problems["The row is nested too deeply, or a number is too large."].append(number)
    return []


def _text(content: bytes) -> str:
    try:
        if content.startswith(_GZIP):
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(archives.MOST_BYTES + 1)
            if len(content) > archives.MOST_BYTES:
                raise Invalid("The unpacked file is too large. Split it.", "file")
        return content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise Invalid(f"The file cannot be unpacked: {error}.", "file") from error
    except UnicodeDecodeError as error:
        raise Invalid("The file is not UTF-8 text.", "file") from error


def _rows(text: str) -> Iterator[Any]:
    """A row that is no JSON comes as a text, which no format takes. One object is one row."""
    if text.lstrip().startswith("["):
        try:
            yield from json.loads(text)
            return
        except (ValueError, RecursionError) as error:
            raise Invalid(f"The file is not JSON: {error}.", "file") from error
    with suppress(ValueError, RecursionError):
        yield json.loads(text)
        return
    for _, line in jsonl.lines(text):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            yield line
