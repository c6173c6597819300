"""Taking an iteration: its lease names host and process, so that a dead owner is known at once."""

import os
import socket
import time

from sqlmodel import Session

from tutelage.iterations import iterations
from tutelage.iterations.iterations import Lease
from tutelage.tables import Iteration


def take(session: Session, iteration_id: str) -> Lease:
    """Lease the iteration for this process.

    A lease whose process is gone from this machine counts as lapsed; any other is waited for:
    Conflict. Raises Conflict too when the iteration has ended.
    """
    iteration = iterations.get(session, iteration_id)
    now = time.time()
    if is_free(iteration):
        now = max(now, iteration.lease_expires_at)
    return iterations.lease(session, iteration_id, f"{socket.gethostname()}/{os.getpid()}", now)


def is_free(iteration: Iteration) -> bool:
    """Whether nobody runs it: no owner, a lapsed lease, or an owner that is dead."""
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
