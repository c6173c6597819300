"""Runs an iteration as a SLURM job, by the commands of a login node.

The template is an sbatch script (deploy/slurm/iteration.sh). The job gets the worker's settings in
its environment.
"""

import subprocess
from collections.abc import Mapping
from string import Template

from training.jobs.runners.batch import BatchRunner, job_name, template
from training.jobs.runners.local import environment
from tutelage.errors import Unavailable
from tutelage.settings import Settings

SECONDS = 60.0  # that a command may take
_GOING_ON = {
    "PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "STAGE_OUT", "SUSPENDED", "REQUEUED",
    "REQUEUE_HOLD", "REQUEUE_FED", "RESIZING", "SIGNALING", "SPECIAL_EXIT", "STOPPED",
}  # fmt: skip


class Slurm:
    """A batch system: sbatch, squeue, sacct, scancel."""

    def __init__(self, script: Template, environment: Mapping[str, str]) -> None:
        self._script, self._environment = script, environment

    def unfinished(self, iteration_id: str) -> str | None:
        """By the job's name, among this user's."""
        jobs = self._run("squeue", "--me", "--noheader", f"--name={job_name(iteration_id)}",
                         "--format=%i").split()  # fmt: skip
        return jobs[0] if jobs else None

    def submit(self, iteration_id: str) -> str:
        """The job's number."""
        script = self._script.safe_substitute(iteration=iteration_id)
        name = f"--job-name={job_name(iteration_id)}"
        return self._run("sbatch", "--parsable", name, script=script).strip().partition(";")[0]

    def succeeded(self, job: str) -> bool | None:
        """By the queue, and once the job has left it by the accounts; unknown is not succeeded."""
        state = self._state(job)
        if state in _GOING_ON:
            return None
        return state == "COMPLETED"

    def cancel(self, job: str) -> None:
        """SIGTERM to the job, and SIGKILL after SLURM's KillWait."""
        self._run("scancel", job)

    def _state(self, job: str) -> str:
        """In one word; empty where SLURM knows the job no more."""
        try:
            queued = self._run("squeue", "--noheader", f"--jobs={job}", "--format=%T").strip()
        except Unavailable as error:
            if "Invalid job id" not in error.message:
                raise
            queued = ""  # it has left the queue some minutes ago
        if queued:
            return queued
        accounts = self._run("sacct", "--noheader", "--parsable2", "--allocations",
                             f"--jobs={job}", "--format=State").split()  # fmt: skip
        return accounts[0] if accounts else ""

    def _run(self, *command: str, script: str = "") -> str:
        try:
            done = subprocess.run(
                command, input=script, env=dict(self._environment), capture_output=True, text=True,
                timeout=SECONDS, check=True,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"{command[0]} failed: {error.stderr.strip()}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"{command[0]} could not be run: {error}") from error
        return done.stdout


def slurm_runner(settings: Settings) -> BatchRunner:
    """A runner by the template of the settings. Raises Invalid where that is unusable."""
    return BatchRunner(Slurm(template(settings), environment(settings)))
