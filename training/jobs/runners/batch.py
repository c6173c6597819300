"""Runs an iteration as a job of a batch system: submitted, watched, and cancelled to stop it.

A job that another worker submitted for the iteration and that has not ended is watched instead, so
a worker that died leaves no second one behind.
"""

import logging
import threading
from string import Template
from typing import Protocol

from tutelage.errors import Invalid, Unavailable
from tutelage.settings import Settings

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0


class BatchSystem(Protocol):
    """Where jobs run. Every method raises Unavailable while the system cannot be reached."""

    def unfinished(self, iteration_id: str) -> str | None:
        """The job of the iteration that waits or runs."""
        ...

    def submit(self, iteration_id: str) -> str:
        """Submit a job that runs the iteration; its name."""
        ...

    def succeeded(self, job: str) -> bool | None:
        """Whether the job succeeded; None until it has ended."""
        ...

    def cancel(self, job: str) -> None:
        """Send the job SIGTERM, so that it releases the iteration; it may have ended."""
        ...


class BatchRunner:
    """One job for each run of an iteration."""

    def __init__(self, system: BatchSystem) -> None:
        self._system = system
        self._stopping = threading.Event()

    def run(self, iteration_id: str) -> bool:
        """Submit the job, or find it, and wait for its end."""
        if self._stopping.is_set():
            return False
        try:
            job = self._system.unfinished(iteration_id) or self._system.submit(iteration_id)
        except Unavailable as error:
            logger.error("%s was not submitted: %s", iteration_id, error.message)
            return False
        logger.info("%s runs as job %s.", iteration_id, job)
        return self._watch(job)

    def stop(self) -> None:
        """Have the current job cancelled, and submit no other."""
        self._stopping.set()

    def _watch(self, job: str) -> bool:
        while not self._stopping.wait(POLL_SECONDS):
            try:
                succeeded = self._system.succeeded(job)
            except Unavailable as error:
                logger.warning("Job %s is not seen, looking again: %s", job, error.message)
                continue
            if succeeded is not None:
                return succeeded
        try:
            self._system.cancel(job)
        except Unavailable as error:
            logger.error("Job %s was not cancelled: %s", job, error.message)
        return False


def template(settings: Settings) -> Template:
    """What TUTELAGE_JOB_TEMPLATE holds; ``${iteration}`` stands for the id in it.

    Raises Invalid where there is none, or where it does not name the iteration.
    """
    path = settings.job_template
    try:
        text = path.read_text("utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"TUTELAGE_JOB_TEMPLATE={path} cannot be read: {error}.") from error
    found = Template(text)
    if "iteration" not in found.get_identifiers():
        raise Invalid(
            f"TUTELAGE_RUNNER={settings.runner} needs TUTELAGE_JOB_TEMPLATE, a file in which "
            "${iteration} stands for the iteration's id, such as those in deploy/."
        )
    return found


def job_name(iteration_id: str) -> str:
    """The name by which an iteration's jobs are found."""
    return f"tutelage-{iteration_id}"
