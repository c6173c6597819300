"""One contract for all runners; clusters are fakes of their programs and of their API."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from training.jobs.runners import batch
from training.jobs.runners.chosen import chosen_runner
from training.jobs.runners.local import LocalRunner, environment
from training.jobs.runners.runner import Runner
from tutelage.errors import Invalid
from tutelage.settings import Settings

ID = "iteration-0001"
DEPLOY = Path(__file__).parents[3] / "deploy"
END, FAIL = "end", "fail"  # files: the fakes look for them


class Fake:
    """What a test sees and says of a cluster, by files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def say(self, what: str) -> None:
        (self.folder / what).touch()

    @property
    def log(self) -> list[str]:
        """What the cluster was asked for."""
        path = self.folder / "log"
        return path.read_text().splitlines() if path.is_file() else []


TUTELAGE = """#!{python}
import pathlib, signal, sys, time
folder = pathlib.Path({folder!r})
def note(line):
    with (folder / "log").open("a") as log: log.write(line + "\\n")
def stopped(*_):
    note("cancelled"); sys.exit(1)
for name in (signal.SIGINT, signal.SIGTERM): signal.signal(name, stopped)
note("submitted " + sys.argv[sys.argv.index("--id") + 1])
while not (folder / "end").exists() and not (folder / "fail").exists(): time.sleep(0.01)
sys.exit((folder / "fail").exists())
"""

SLURM = """#!{python}
import pathlib, sys
folder, program = pathlib.Path({folder!r}), pathlib.Path(sys.argv[0]).name
state = ("FAILED" if (folder / "fail").exists() else "COMPLETED" if (folder / "end").exists()
         else "CANCELLED" if (folder / "gone").exists() else "RUNNING")
def note(line):
    with (folder / "log").open("a") as log: log.write(line + "\\n")
if (folder / "away").exists():
    sys.exit(program + ": error: Unable to contact slurm controller")
if program == "sbatch":
    script = sys.stdin.read()
    assert script.startswith("#!/bin/bash"), script
    note("submitted " + script.split()[-1])
    print("4711;cluster")
elif program == "scancel":
    note("cancelled"); (folder / "gone").touch()
elif program == "squeue":
    if any(word.startswith("--name") for word in sys.argv):
        print("4710" if (folder / "other").exists() else "")
    elif state == "RUNNING":
        print(state)
    else:
        sys.exit("slurm_load_jobs error: Invalid job id specified")
elif program == "sacct":
    print(state)
"""


def program(path: Path, text: str, folder: Path) -> None:
    path.write_text(text.format(python=sys.executable, folder=str(folder)))
    path.chmod(0o755)


def local(tmp_path: Path, patch: pytest.MonkeyPatch) -> Runner:
    program(tmp_path / "tutelage", TUTELAGE, tmp_path)
    patch.setattr(LocalRunner, "command", [str(tmp_path / "tutelage")], raising=False)
    return chosen_runner(Settings(data=tmp_path))


def slurm(tmp_path: Path, patch: pytest.MonkeyPatch) -> Runner:
    for name in ("sbatch", "squeue", "sacct", "scancel"):
        program(tmp_path / name, SLURM, tmp_path)
    patch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    template = DEPLOY / "slurm" / "iteration.sh"
    return chosen_runner(Settings(data=tmp_path, runner="slurm", job_template=template))


class Api(BaseHTTPRequestHandler):
    """The part of the API server that serves Jobs."""

    folder: Path

    def _note(self, line: str) -> None:
        with (self.folder / "log").open("a") as log:
            log.write(line + "\n")

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        if (self.folder / "away").exists():
            body, status = {}, 503
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _job(self, name: str) -> dict[str, Any]:
        ended = {"end": "Complete", "fail": "Failed"}
        found = [kind for file, kind in ended.items() if (self.folder / file).exists()]
        conditions = [{"type": kind, "status": "True"} for kind in found]
        return {"metadata": {"name": name}, "status": {"conditions": conditions}}

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query).get("labelSelector")
        if asked:
            assert asked == [f"tutelage/iteration={ID}"]
            others = [self._job("other")] if (self.folder / "other").exists() else []
            self._answer({"items": others})
        elif (self.folder / "gone").exists():
            self._answer({"reason": "NotFound"}, 404)
        else:
            self._answer(self._job(self.path.split("?")[0].rpartition("/")[2]))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["kind"] == "Job" and body["metadata"]["labels"] == {"tutelage/iteration": ID}
        if not (self.folder / "away").exists():
            self._note(f"submitted {body['spec']['template']['spec']['containers'][0]['args'][-1]}")
        self._answer(self._job(body["metadata"]["generateName"] + "x7k2p"), 201)

    def do_DELETE(self) -> None:
        self._note("cancelled")
        (self.folder / "gone").touch()
        self._answer({})

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    handler = type("Handler", (Api,), {"folder": tmp_path})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def on_kubernetes(tmp_path: Path, patch: pytest.MonkeyPatch, url: str) -> Runner:
    context = {"cluster": "fake", "user": "fake"}
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "fake", "user": {"token": "t"}}],
        "contexts": [{"name": "fake", "context": context}],
    }  # fmt: skip
    (tmp_path / "kube").write_text(yaml.safe_dump(config))
    patch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kube")
    )
    template = DEPLOY / "kubernetes" / "training" / "jobs" / "iteration.yaml"
    return chosen_runner(Settings(data=tmp_path, runner="kubernetes", job_template=template))


@pytest.fixture(params=["local", "slurm", "kubernetes"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def runner(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Runner:
    monkeypatch.setattr(batch, "POLL_SECONDS", 0.02)
    if kind == "kubernetes":
        return on_kubernetes(tmp_path, monkeypatch, request.getfixturevalue("api"))
    return (local if kind == "local" else slurm)(tmp_path, monkeypatch)


def started(runner: Runner) -> tuple[threading.Thread, list[bool]]:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(runner.run(ID)))
    thread.start()
    return thread, results


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


@pytest.mark.parametrize("how, succeeded", [(END, True), (FAIL, False)])
def test_it_waits_for_the_end_and_tells_how_it_was(
    runner: Runner, tmp_path: Path, how: str, succeeded: bool
) -> None:
    fake = Fake(tmp_path)
    thread, results = started(runner)
    eventually(lambda: fake.log == [f"submitted {ID}"])
    assert not results
    fake.say(how)
    thread.join(20)
    assert results == [succeeded]


def test_stopping_cancels_the_run_and_starts_no_other(runner: Runner, tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    thread, results = started(runner)
    eventually(lambda: fake.log == [f"submitted {ID}"])
    runner.stop()
    thread.join(20)
    assert results == [False]
    eventually(lambda: fake.log == [f"submitted {ID}", "cancelled"])
    assert runner.run(ID) is False and len(fake.log) == 2


@pytest.mark.parametrize("kind", ["slurm", "kubernetes"], indirect=True)
def test_a_job_of_a_worker_that_died_is_watched(runner: Runner, tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    fake.say("other")
    thread, results = started(runner)
    time.sleep(0.1)
    fake.say(END)
    thread.join(20)
    assert results == [True] and fake.log == []


@pytest.mark.parametrize("kind", ["slurm", "kubernetes"], indirect=True)
def test_a_cluster_that_is_away_is_looked_for_again(runner: Runner, tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    thread, results = started(runner)
    eventually(lambda: fake.log == [f"submitted {ID}"])
    fake.say("away")
    time.sleep(0.2)
    assert not results
    (tmp_path / "away").unlink()
    fake.say(END)
    thread.join(20)
    assert results == [True]


@pytest.mark.parametrize("kind", ["slurm", "kubernetes"], indirect=True)
def test_a_cluster_that_takes_no_job_is_a_run_that_failed(
    runner: Runner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Fake(tmp_path).say("away")
    assert runner.run(ID) is False
    assert f"{ID} was not submitted" in caplog.text


@pytest.mark.parametrize("kind", ["kubernetes"], indirect=True)
def test_a_job_that_was_deleted_failed(runner: Runner, tmp_path: Path) -> None:
    fake = Fake(tmp_path)
    thread, results = started(runner)
    eventually(lambda: fake.log == [f"submitted {ID}"])
    fake.say("gone")
    thread.join(20)
    assert results == [False]


@pytest.mark.parametrize("text", [None, "", "no placeholder"])
def test_a_template_without_the_iteration_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "template"
    if text is not None:
        path.write_text(text)
    for chosen in (path, None):
        with pytest.raises(Invalid, match="TUTELAGE_JOB_TEMPLATE"):
            chosen_runner(Settings(runner="slurm", job_template=chosen))


def test_a_template_that_is_no_job_is_refused(tmp_path: Path) -> None:
    for text in ("kind: Pod\nname: ${iteration}", "${iteration}: ["):
        (tmp_path / "template").write_text(text)
        with pytest.raises(Invalid, match="TUTELAGE_JOB_TEMPLATE is not"):
            chosen_runner(Settings(runner="kubernetes", job_template=tmp_path / "template"))


def test_a_process_gets_its_secrets_and_no_value_that_is_unset(tmp_path: Path) -> None:
    given = environment(Settings(data=tmp_path, engine_key="k-1"))  # type: ignore[arg-type]
    assert given["TUTELAGE_ENGINE_KEY"] == "k-1" and "TUTELAGE_JOB_TEMPLATE" not in given
