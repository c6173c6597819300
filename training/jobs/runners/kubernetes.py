"""Runs an iteration as a Kubernetes Job (extra ``kubernetes``).

The template is a Job (deploy/kubernetes/training/jobs/iteration.yaml); the worker's service account
creates, reads and deletes Jobs of its own namespace. Each run gets a Job of its own, so the logs of
earlier ones stay.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import yaml

from training.jobs.runners.batch import BatchRunner, job_name, template
from tutelage import extras
from tutelage.errors import Invalid, Unavailable
from tutelage.settings import Settings

LABEL = "tutelage/iteration"
SECONDS = 60  # that a request may take
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class KubernetesJobs:
    """A batch system: the Jobs of one namespace."""

    def __init__(self, job: Template) -> None:
        extras.require("kubernetes")
        from kubernetes import client, config

        _parsed(job, "iteration-0000")
        load = config.load_incluster_config if _NAMESPACE.is_file() else config.load_kube_config
        try:
            load()
        except config.ConfigException as error:
            raise Invalid(f"No Kubernetes cluster is configured here: {error}") from error
        self._job, self._api = job, client.BatchV1Api()
        self._namespace = _NAMESPACE.read_text().strip() if _NAMESPACE.is_file() else "default"

    def unfinished(self, iteration_id: str) -> str | None:
        """By the label."""
        with _reached():
            found = self._api.list_namespaced_job(
                self._namespace,
                label_selector=f"{LABEL}={iteration_id}",
                _request_timeout=SECONDS,
            ).items
        going_on = (job for job in found if _ended(job) is None)
        return next((job.metadata.name for job in going_on if not _leaving(job)), None)

    def submit(self, iteration_id: str) -> str:
        """The Job's name."""
        body = _parsed(self._job, iteration_id)
        about = body.setdefault("metadata", {})
        about.pop("name", None)
        about["generateName"] = f"{job_name(iteration_id)}-"
        about.setdefault("labels", {})[LABEL] = iteration_id
        with _reached():
            created = self._api.create_namespaced_job(
                self._namespace, body, _request_timeout=SECONDS
            )
        return str(created.metadata.name)

    def succeeded(self, job: str) -> bool | None:
        """By the Job's conditions; one that was deleted did not succeed."""
        try:
            with _reached():
                found = self._api.read_namespaced_job(
                    job, self._namespace, _request_timeout=SECONDS
                )
        except Unavailable as error:
            if getattr(error.__cause__, "status", None) == 404:
                return False
            raise
        return _ended(found)

    def cancel(self, job: str) -> None:
        """Delete the Job with its pods, which get SIGTERM."""
        with _reached():
            self._api.delete_namespaced_job(
                job, self._namespace, propagation_policy="Background", _request_timeout=SECONDS
            )


def kubernetes_runner(settings: Settings) -> BatchRunner:
    """A runner by the template of the settings. Raises Invalid where that is unusable."""
    return BatchRunner(KubernetesJobs(template(settings)))


def _ended(job: Any) -> bool | None:
    true = {each.type for each in job.status.conditions or () if each.status == "True"}
    return True if "Complete" in true else False if "Failed" in true else None


def _leaving(job: Any) -> bool:
    return job.metadata.deletion_timestamp is not None


def _parsed(job: Template, iteration_id: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(job.safe_substitute(iteration=iteration_id))
    except yaml.YAMLError as error:
        raise Invalid(f"TUTELAGE_JOB_TEMPLATE is not YAML: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != "Job":
        raise Invalid("TUTELAGE_JOB_TEMPLATE is not a Job of Kubernetes.")
    return found


@contextmanager
def _reached() -> Iterator[None]:
    """Whatever the API server or the network answers, as Unavailable."""
    try:
        yield
    except Exception as error:
        status, reason = (getattr(error, name, None) for name in ("status", "reason"))
        raise Unavailable(f"Kubernetes: {status or ''} {reason or error}") from error
