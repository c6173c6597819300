"""Taking an iteration: its lease names the process, so a dead owner is detected at once."""

import hashlib
import os
import secrets
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from sqlmodel import Session

from tutelage.iterations import iterations
from tutelage.iterations.iterations import Lease
from tutelage.tables import Iteration

_RUN = secrets.token_hex(4)  # process ids repeat, above all in containers


def take(session: Session, iteration_id: str) -> Lease:
    """Lease the iteration for this process.

    A lease whose process no longer runs on this machine counts as expired. Raises Conflict while
    another process holds it, and when the iteration has ended.
    """
    iteration = iterations.get(session, iteration_id)
    now = time.time()
    if is_free(iteration):
        now = max(now, iteration.lease_expires_at)
    return iterations.lease(session, iteration_id, f"{_here()}/{os.getpid()}/{_RUN}", now)


def is_free(iteration: Iteration) -> bool:
    """Whether it is not running: no owner, an expired lease, or an owner that is dead."""
    owner = iteration.lease_owner
    return owner is None or iteration.lease_expires_at <= time.time() or _dead(owner)


@cache
def _here() -> str:
    """Where process ids are unique: the host by name, and which boot and container it is."""
    known = ""
    with suppress(OSError):  # Linux tells
        known = Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink(
            "/proc/self/ns/pid"
        )
    return f"{socket.gethostname()}:{hashlib.sha256(known.encode()).hexdigest()[:8]}"


def _dead(owner: str) -> bool:
    here, _, rest = owner.partition("/")
    process = rest.partition("/")[0]
    if here != _here() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
