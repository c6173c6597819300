"""Failure handling: an iteration that can be resumed is released, any other is ended."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from tutelage import disk
from tutelage.composition import Core
from tutelage.errors import Conflict, TutelageError, Unavailable
from tutelage.iterations import iterations
from tutelage.iterations.iterations import Lease
from tutelage.tables import IterationState

logger = logging.getLogger(__name__)


@contextmanager
def handled(core: Core, lease: Lease) -> Iterator[None]:
    """Release the job when it can be resumed, end it when it cannot."""
    try:
        yield
    except KeyboardInterrupt:
        _release(core, lease, "Interrupted.")
        raise
    except Conflict:
        raise
    except Unavailable as error:
        _release(core, lease, error.message)
        raise
    except Exception as error:
        stopped = _resumable(error, lease.iteration_id)
        if stopped:
            _release(core, lease, stopped)
            raise Unavailable(stopped) from error
        reason = error.message if isinstance(error, TutelageError) else _described(error)
        with core.store.write() as session:
            iterations.finish(session, lease, IterationState.FAILED, None, [reason])
        raise


def _release(core: Core, lease: Lease, reason: str) -> None:
    """Release the job with the reason; if that fails too, the lease expires by itself."""
    try:
        with core.store.write() as session:
            iterations.amend(session, lease, reasons=[reason])
            iterations.release(session, lease)
    except (Conflict, SQLAlchemyError) as error:
        logger.warning("%s could not be released: %s", lease.iteration_id, error)


def _resumable(error: Exception, iteration_id: str) -> str | None:
    """What stopped the iteration and how to resume it, where the environment was the cause."""
    kept = f"so {iteration_id} stopped. Complete stages are kept."
    if disk.is_full(error):
        return (
            f"The disk is full, {kept} Free some space, then run: "
            f"tutelage iterate --id {iteration_id}"
        )
    if isinstance(error, (OperationalError, InterfaceError)):
        return f"The database cannot be reached, {kept} The iteration resumes when it can."
    return None


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
