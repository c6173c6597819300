"""A month of the unattended loop: drifting users, an adversarial one, a bad candidate, kills.

    tutelage bench month --data /tmp/month --iterations 30
    tutelage bench month --data /tmp/month --report docs/results/month.md

The service is a process of its own, and users reach it over HTTP alone. It is killed at random
while they chat, and so are the forks that iterations run in. The language is that of the toy
environment (benchmarks/lab), whose true reward is known. The only manual action is on day 10: an
operator starts a canary for a ruined policy. ``--minutes`` stops at the end of a day; the same
command resumes.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
from lab import toy_environment
from lab.people import Labeler
from lab.report import BAD_DAY, DRIFT_DAY, write_report

from training.demo.service import Service
from training.jobs.maintenance import Maintenance
from training.jobs.worker import Worker
from tutelage import atomic
from tutelage.composition import Core, open_core
from tutelage.experiments import experiments
from tutelage.iterations import iterations, schedule
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.policies.library import MANIFEST
from tutelage.policies.parity import PARITY, load_whole
from tutelage.settings import Settings
from tutelage.tables import Schedule

USERS, NOISE, LIAR = 60, 0.4, 0
EDITORS, RIGHT = 12, 0.8  # every so many people rewrite an answer each day; how often that is right
TRIAL_DAYS = 2
KILLED, KILLS = 0.4, 2  # share of runs that are killed, and how often one iteration is at most
CRASHED = 0.25  # share of days on which the service is killed while people talk
AWAY = 90.0  # seconds for which people try again
PRESET = str(Path(__file__).parents[1] / "lab" / "month.toml")
STATE, CONFIRMED = "month.json", "confirmed.txt"


@dataclass
class Day:
    """The result of one day."""

    number: int
    current: str
    experiment: str = ""
    gold: float = 0.0  # mean true score of what people were shown
    by_policy: dict[str, list[float]] = field(default_factory=dict)  # policy: [answers, mean gold]
    feedback: int = 0  # judgements that the service confirmed
    events: list[str] = field(default_factory=list)
    kills: int = 0  # of runs
    crashes: int = 0  # of the service
    seconds: float = 0.0


def main() -> None:
    """Run the remaining days, or write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--iterations", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    core = opened(arguments.data)
    if arguments.report:
        confirmed = (arguments.data / CONFIRMED).read_text().split()
        write_report(core, days(core), confirmed, arguments.report)
        return
    end = time.monotonic() + 60 * arguments.minutes
    with Service(core.settings, core.settings.data / "service.log") as service:
        month = Month(core, service)
        while ended(core) < arguments.iterations and time.monotonic() < end:
            month.live(len(days(core)) + 1)
    core.store.close()


def opened(data: Path) -> Core:
    """The month's folder; created on the first day, with the base policy and every user's key."""
    core = open_core(Settings(data=data, moderation="off", threads=1, rate_limit=0))
    if not core.library.ids():
        core.library.publish("policy-0000", untaught, {})
        with core.store.write() as session:
            deployment.register(session, "policy-0000", core.library.manifest_sha256("policy-0000"))
            deployment.promote(session, "policy-0000", "month")
            plan = Schedule(
                author_id="month", preset=PRESET, feedback=1, share=0.5, keep=1000,
                days=TRIAL_DAYS,
            )  # fmt: skip
            schedule.set_schedule(session, plan)
            keys = [
                people.create_key(session, people.create_user(session, f"person {n}"), "k")[1]
                for n in range(USERS)
            ]
        (data / "keys.json").write_text(json.dumps(keys))
    return core


def untaught(directory: Path) -> None:
    """The first policy."""
    toy_environment.write_base_policy(directory, steps=900)
    (directory / "card.md").write_text("# The untaught policy of the small world\n")


def days(core: Core) -> list[Day]:
    """The days run so far."""
    path = core.settings.data / STATE
    return [Day(**row) for row in json.loads(path.read_text())] if path.is_file() else []


def ended(core: Core) -> int:
    """How many iterations have ended."""
    with core.store.read() as session:
        return sum(row.finished_at is not None for row in iterations.listed(session))


class Month:
    """The users, the service and the worker."""

    def __init__(self, core: Core, service: Service) -> None:
        self.core, self.service = core, service
        self.keys: list[str] = json.loads((core.settings.data / "keys.json").read_text())
        self.runner = KillingRunner(core)
        self.worker = Worker(core.store, self.runner, pause=0.0, poll=0.0)
        self.maintenance = Maintenance(core, look=0.0)
        self.generator = random.Random(time.time())

    def live(self, number: int) -> None:
        """One day: users chat and give feedback, and at night the worker does what is due."""
        began, before = time.monotonic(), self.events()
        if number == BAD_DAY:
            self.ruin()
        day = Day(number, self.current())
        with self.core.store.read() as session:
            experiment = experiments.running(session)
            day.experiment = experiment.policy_id if experiment else ""
        self.talk(day)
        self.runner.kills = 0
        self.night(day)
        day.kills = self.runner.kills
        day.events = self.events()[len(before) :]
        day.seconds = round(time.monotonic() - began, 1)
        rows = [asdict(row) for row in [*days(self.core), day]]
        atomic.write_text(self.core.settings.data / STATE, json.dumps(rows, indent=1))
        print(json.dumps(asdict(day)), flush=True)

    def talk(self, day: Day) -> None:
        """Every user chats and gives feedback, over HTTP."""
        if self.generator.random() < CRASHED:
            day.crashes = 1
            crash = threading.Timer(self.generator.uniform(0.5, 5.0), self.service.restart)
            crash.start()
        with ThreadPoolExecutor(4) as pool:
            everybody = [Person(self, n, day.number) for n in range(USERS)]
            turns = list(pool.map(lambda act: act(), [a for p in everybody for a in p.acts()]))
        if day.crashes:
            crash.join()
        shown: dict[str, list[float]] = {}
        for policy, gold in (pair for turn in turns for pair in turn.shown):
            shown.setdefault(policy, []).append(gold)
        everything = [gold for golds in shown.values() for gold in golds]
        day.gold = round(sum(everything) / len(everything), 3)
        day.by_policy = {p: [len(g), round(sum(g) / len(g), 3)] for p, g in shown.items()}
        confirmed = [name for turn in turns for name in turn.confirmed]
        day.feedback = len(confirmed)
        with (self.core.settings.data / CONFIRMED).open("a") as file:
            file.writelines(f"{name}\n" for name in confirmed)

    def night(self, day: Day) -> None:
        """What a worker does, until nothing is due."""
        self.pass_time(day)
        for _ in range(4):
            self.maintenance()
            waiting = self.worker.waiting()
            if waiting is None:
                break
            while self.worker.waiting():
                self.worker.run(waiting)
        self.service.wait_for(self.current())

    def pass_time(self, day: Day) -> None:
        """Shift the canary's start by the simulated days; by the clock it lasted minutes."""
        lived = sum(past.experiment == day.experiment for past in [*days(self.core), day])
        with self.core.store.write() as session:
            experiment = experiments.running(session)
            if experiment:
                experiments.judge(
                    session, experiment.id, experiment.created_at + lived * experiments.DAY
                )

    def current(self) -> str:
        """The current policy."""
        with self.core.store.read() as session:
            version = deployment.current(session)
        assert version is not None
        return version.id

    def ruin(self) -> None:
        """An operator's mistake: a canary for a policy with ruined weights, overriding the gate."""
        current, bad = self.core.library.path(self.current()), self.core.library.next_id()

        def build(directory: Path) -> None:
            kept = shutil.ignore_patterns(MANIFEST, PARITY, "adapter_*", "*.safetensors")
            shutil.copytree(current, directory, dirs_exist_ok=True, ignore=kept)
            in_a_fork(lambda: spoil(current, directory))

        self.core.library.publish(bad, build, {"parent": self.current(), "ruined": True})
        with self.core.store.write() as session:
            digest = self.core.library.manifest_sha256(bad)
            deployment.register(session, bad, digest, self.current())
            experiment = experiments.running(session)
            if experiment:
                experiments.stop(session, experiment.id, "month", ["Made room."])
            experiments.start(session, bad, "month", share=0.5)
        time.sleep(3)  # until the service has it in memory

    def events(self) -> list[str]:
        """Endings of iterations and canaries, in the order of the audit log."""
        with self.core.store.read() as session:
            ended = [
                (row.finished_at or 0.0, f"{row.id} {row.decision or row.state}")
                for row in iterations.listed(session)
                if row.finished_at
            ]
            tried = [
                (row.ended_at or 0.0, f"{row.policy_id} {row.state}")
                for row in experiments.listed(session)
                if row.ended_at
            ]
        return [text for _, text in sorted(ended + tried)]


@dataclass
class RatedTurn:
    """What a user was shown, and the feedback that the service confirmed."""

    shown: list[tuple[str, float]]
    confirmed: list[str] = field(default_factory=list)


class Person:
    """A user with a drifting preference; one of them ranks in reverse order."""

    def __init__(self, month: Month, number: int, day: int) -> None:
        self.month, self.number, self.day = month, number, day
        self.generator = random.Random(f"{number}/{day}")
        self.taste = Labeler(NOISE, per_word=-0.04 if day >= DRIFT_DAY else 0.0)
        asked = toy_environment.prompts()
        start = 2 * day if day < DRIFT_DAY else 2 * day + 20  # what they ask about moves on
        self.prompt = asked[(start + self.generator.randrange(48)) % len(asked)]
        self.headers = {"authorization": f"Bearer {month.keys[number]}"}

    def acts(self) -> list[Callable[[], RatedTurn]]:
        """What a user does on a day: rank four responses, and give a thumb to another."""
        return [lambda: self.turn(several=True), lambda: self.turn(several=False)]

    @property
    def edits(self) -> bool:
        """Whether the user edits a response on this day."""
        return self.number % EDITORS == self.day % EDITORS

    def turn(self, several: bool) -> RatedTurn:
        """Send a prompt and give feedback on the response."""
        body = {
            "model": "tutelage", "n": 4 if several else 1, "max_tokens": toy_environment.LONGEST,
            "messages": [{"role": "user", "content": self.prompt}],
            "seed": self.generator.randrange(2**31),
        }  # fmt: skip
        completion = self.post("/v1/chat/completions", body)
        texts = [choice["message"]["content"] for choice in completion["choices"]]
        turn = RatedTurn(list(zip(self.policies(completion), self.golds(texts), strict=True)))
        judged = [self.rank(completion, texts) if several else self.thumb(completion, texts[0])]
        rather = self.rather()
        if self.edits and not several and rather != texts[0]:
            judged.append(edit(completion, rather))
        turn.confirmed = [self.post("/v1/feedback", each)["id"] for each in judged]
        return turn

    def rank(self, completion: dict[str, Any], texts: list[str]) -> dict[str, Any]:
        places = self.taste.rank(self.prompt, texts, self.generator)
        if self.number == LIAR:
            places = [-place for place in places]
        groups = [[i for i, p in enumerate(places) if p == place] for place in sorted(set(places))]
        return {"completion_id": completion["id"], "kind": "ranking", "ranking": groups}

    def thumb(self, completion: dict[str, Any], text: str) -> dict[str, Any]:
        liking = toy_environment.gold(self.prompt, text) + self.generator.gauss(0, NOISE)
        value = "up" if liking > 0.5 else "down"
        return {"completion_id": completion["id"], "kind": "thumbs", "choice": 0, "value": value}

    def rather(self) -> str:
        """The user's edit, which may be mistaken."""
        right = self.generator.random() < RIGHT
        return (
            toy_environment.good(self.prompt)
            if right
            else toy_environment.spoken(self.prompt, self.generator)
        )

    def golds(self, texts: Iterable[str]) -> list[float]:
        return [toy_environment.gold(self.prompt, text) for text in texts]

    def policies(self, completion: dict[str, Any]) -> list[str]:
        """The policy of each response."""
        path = f"/v1/conversations/{completion['tutelage']['conversation_id']}"
        found = self.ask("GET", path)
        by_id = {message["id"]: message["policy_id"] for message in found["messages"]}
        return [by_id[name] for name in completion["tutelage"]["message_ids"]]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self.ask("POST", path, json=body)

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """A request, repeated with the same key while the service is down."""
        headers = self.headers | {"idempotency-key": uuid.uuid4().hex}
        end = time.monotonic() + AWAY
        while True:
            try:
                answer = httpx.request(
                    method, self.month.service.url + path, headers=headers, timeout=120, **request
                )
                answer.raise_for_status()
                found: dict[str, Any] = answer.json()
                return found
            except httpx.HTTPError as error:
                if _refused(error) or time.monotonic() > end:
                    raise
                time.sleep(0.5)


def edit(completion: dict[str, Any], text: str) -> dict[str, Any]:
    """The one response of a completion, rewritten."""
    return {"completion_id": completion["id"], "kind": "edit", "choice": 0, "text": text}


def _refused(error: httpx.HTTPError) -> bool:
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500


class KillingRunner:
    """Runs an iteration in a fork, and kills some at a random time, as ``kill -9`` does."""

    def __init__(self, core: Core) -> None:
        self.core, self.kills = core, 0
        self.killed: Counter[str] = Counter()
        self.generator = random.Random(time.time())

    def run(self, iteration_id: str) -> bool:
        """True when the fork ended by itself."""
        from training.iteration.run import run_iteration  # before the fork: once, not each time

        settings = self.core.settings
        self.core.store.close()
        child = fork(lambda: run_iteration(open_core(settings), iteration_id))
        doomed = self.killed[iteration_id] < KILLS and self.generator.random() < KILLED
        if doomed:
            self.killed[iteration_id] += 1
            timer = threading.Timer(
                self.generator.uniform(0.5, 15.0), os.kill, (child, signal.SIGKILL)
            )
            timer.start()
        _, status = os.waitpid(child, 0)
        if doomed:
            timer.cancel()
        self.kills += os.WIFSIGNALED(status)
        return status == 0

    def stop(self) -> None:
        """Do nothing: a run ends or is killed."""


def fork(work: Callable[[], object]) -> int:
    """The id of a child process that does the work and ends; its output is discarded."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        work()
        code = 0
    finally:
        os._exit(code)


def in_a_fork(work: Callable[[], object]) -> None:
    """Do the work in a child, so that torch is never used in a process that forks."""
    _, status = os.waitpid(fork(work), 0)
    if status:
        raise RuntimeError("the fork failed")


def spoil(policy: Path, directory: Path) -> None:
    """Noise on every weight: half-sentences, wrong tools, endless answers."""
    import torch

    torch.manual_seed(0)
    model = load_whole(policy, "float32")
    with torch.no_grad():
        for weight in model.parameters():
            if weight.numel() > 1:
                weight.add_(weight.std() * torch.randn_like(weight))
    model.save_pretrained(directory)


if __name__ == "__main__":
    main()
