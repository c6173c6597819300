"""Taking an iteration: its lease names host and process, so a dead owner is detected at once."""

import os
import socket
import time

from sqlmodel import Session

from tutelage.iterations import iterations
from tutelage.iterations.iterations import Lease
from tutelage.tables import Iteration


def take(session: Session, iteration_id: str) -> Lease:
    """Lease the iteration for this process.

    A lease whose process no longer runs on this machine counts as expired. Raises Conflict while
    another process holds it, and when the iteration has ended.
    """
    iteration = iterations.get(session, iteration_id)
    now = time.time()
    if is_free(iteration):
        now = max(now, iteration.lease_expires_at)
    return iterations.lease(session, iteration_id, f"{socket.gethostname()}/{os.getpid()}", now)


def is_free(iteration: Iteration) -> bool:
    """Whether it is not running: no owner, an expired lease, or an owner that is dead."""
    owner = iteration.lease_owner
    return owner is None or iteration.lease_expires_at <= time.time() or _dead(owner)


def _dead(owner: str) -> bool:
    host, _, process = owner.rpartition("/")
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
