"""Counts over very many rows, kept between two looks at them.

An operator's page asks every few seconds for what takes the database seconds to count. Once there
are ``MANY`` rows, a count is answered at once from the last one, which is renewed in the background
when it is older than ``AGE`` times what counting took; ``warm`` takes the first one before anybody
asks. With fewer rows each look counts anew.
"""

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlmodel import func, select

from tutelage.store import Store
from tutelage.tables import Message

MANY = 200_000  # rows written
AGE = 20  # so that counting takes at most a twentieth of one core

T = TypeVar("T")


@dataclass
class _Count:
    value: Any
    at: float  # on the monotonic clock
    took: float  # seconds
    renewing: bool = False


class KeptCounts:
    """The last count for each key. Safe to use from several threads."""

    def __init__(self, store: Store, many: int = MANY) -> None:
        self._store = store
        self._many = many
        self._counts: dict[Hashable, _Count] = {}
        self._lock = threading.Lock()  # of the counts
        self._first = threading.Lock()  # one first count at a time
        self._background = threading.Lock()  # and one that nobody waits for

    def get(self, key: Hashable, count: Callable[[], T]) -> T:
        """``count()``, or what it last was for this key."""
        if not self._are_many():
            return count()
        if key not in self._counts:
            with self._first:
                if key not in self._counts:
                    self._renew(key, count)
        with self._lock:
            kept = self._counts[key]
            due = not kept.renewing and time.monotonic() - kept.at > AGE * kept.took
            kept.renewing = kept.renewing or due
        if due:
            self._in_background({key: count})
        value: T = kept.value
        return value

    def warm(self, counts: Mapping[Hashable, Callable[[], Any]]) -> None:
        """Take these counts in the background, where there are many rows."""
        if self._are_many():
            self._in_background(counts)

    def _in_background(self, counts: Mapping[Hashable, Callable[[], Any]]) -> None:
        def renew() -> None:
            for key, count in counts.items():
                with self._background:  # two would hold up the rest of the process
                    self._renew(key, count)

        threading.Thread(target=renew, daemon=True).start()

    def _are_many(self) -> bool:
        with self._store.read() as session:
            return (session.exec(select(func.max(Message.seq))).one() or 0) >= self._many

    def _renew(self, key: Hashable, count: Callable[[], Any]) -> None:
        began = time.monotonic()
        try:
            value = count()
        except Exception:
            with self._lock:
                if key in self._counts:
                    self._counts[key].renewing = False
            raise
        with self._lock:
            self._counts[key] = _Count(value, time.monotonic(), time.monotonic() - began)
