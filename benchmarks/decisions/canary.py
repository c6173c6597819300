"""From schedule to canary to promotion with the real policy and simulated users.

    tutelage bench canary --data /tmp/canary --preference brief
    tutelage bench canary --data /tmp/canary --people 96 --thumbs-alone

Users give feedback over HTTP; a schedule starts a ``quick`` iteration, which a worker runs; a
candidate that the gate promotes, or finds inconclusive, automatically becomes a canary; users go on
chatting, give thumbs and rank both policies' responses; the rules, which take each round for a day,
promote it or roll it back. With
``--thumbs-alone`` no user ranks during the canary. The command resumes in a folder with completed
steps. It prints a line of JSON for each step; about half an hour on two cores.
"""

import argparse
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from training.demo.preferences import PREFERENCES, Preference
from training.demo.service import Service
from training.demo.simulated_users import Habits, shipped_prompts, teach
from training.jobs.maintenance import Maintenance
from training.jobs.runners.local import LocalRunner
from training.jobs.worker import Worker
from tutelage.composition import Core, open_core
from tutelage.experiments import experiments
from tutelage.iterations import iterations, schedule
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.policies.base import ensure_base
from tutelage.settings import Settings
from tutelage.tables import Experiment, Schedule

ROUNDS, TAUGHT = 10, 80
TOKENS = 64  # of an answer


@dataclass(frozen=True)
class Crowd:
    """The users of a canary: a key each, one preference, and how they give feedback."""

    keys: list[str]
    preference: Preference
    thumbs_alone: bool


def main() -> None:
    """Run the remaining steps and print how the canary ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--preference", default="brief", choices=sorted(PREFERENCES))
    parser.add_argument("--people", type=int, default=48, help="who talk while the trial lasts")
    parser.add_argument(
        "--thumbs-alone", action="store_true", help="no user ranks during the canary"
    )
    arguments = parser.parse_args()
    core = open_core(Settings(data=arguments.data, rate_limit=0))
    ensure_base(core.store, core.library, "")
    preference = PREFERENCES[arguments.preference]
    with Service(core.settings, core.settings.data / "service.log") as service:
        plan(core, service, preference)
        trained = train(core)
        told(trained)
        if trained["on_trial"]:
            crowd = Crowd(keys(core, arguments.people), preference, arguments.thumbs_alone)
            told(try_out(core, service, crowd))
    core.store.close()


def plan(core: Core, service: Service, preference: Preference) -> None:
    """Collect feedback on the first policy and set a schedule."""
    with core.store.read() as session:
        planned, taught = schedule.in_force(session), schedule.feedback_since(session)
        known = bool(iterations.listed(session))
    if not known and not taught:
        prompts = shipped_prompts()[:TAUGHT]
        teach(service.url, keys(core, 6), preference, prompts, Habits(), lambda *_: None)
    if planned is None:
        with core.store.write() as session:
            row = Schedule(author_id="canary", preset="quick", feedback=1, share=0.5, unproven=True)
            schedule.set_schedule(session, row)


def train(core: Core) -> dict[str, Any]:
    """What the worker does: the iteration that is due, and the canary that follows."""
    began = time.monotonic()
    maintenance, worker = (
        Maintenance(core, look=0.0),
        Worker(core.store, LocalRunner(core.settings)),
    )
    maintenance()
    worker.run_waiting()
    maintenance()
    with core.store.read() as session:
        newest, experiment = iterations.listed(session)[0], experiments.running(session)
    return {
        "iteration": newest.id,
        "requested_by": newest.requested_by,
        "decision": newest.decision,
        "reasons": newest.reasons,
        "on_trial": experiment.policy_id if experiment else None,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }


def try_out(core: Core, service: Service, crowd: Crowd) -> dict[str, Any]:
    """Users go on chatting; the rules are checked after each round, which counts as a day."""
    began = time.monotonic()
    time.sleep(20)  # until the service has the second policy in memory
    for turn in range(ROUNDS):
        with core.store.read() as session:
            experiment = experiments.running(session)
        if experiment is None:
            break
        ask_round(service, crowd, turn)
        with core.store.write() as session:
            now = experiment.created_at + (turn + 1) * experiments.DAY
            experiments.judge(session, experiment.id, now=now)
        told({"round": turn + 1} | verdict(core))
    with core.store.read() as session:
        experiment, current = experiments.listed(session)[0], deployment.current(session)
    assert current is not None
    service.wait_for(current.id)
    minutes = round((time.monotonic() - began) / 60, 1)
    return summary(experiment) | {"current": current.id, "minutes": minutes}


def verdict(core: Core) -> dict[str, Any]:
    """The current state of the canary."""
    with core.store.read() as session:
        found = experiments.listed(session)[0].verdict
    return {
        name: [round(value[key], 3) for key in ("difference", "low", "high")]
        for name, value in found.items()
    }


def ask_round(service: Service, crowd: Crowd, turn: int) -> None:
    """Every user sends a new prompt; half give a thumb, half rank two responses if they rank."""

    def one(number: int) -> None:
        generator = random.Random(f"{turn}/{number}")
        prompt = generator.choice(shipped_prompts()[TAUGHT:]).text
        several = not crowd.thumbs_alone and (number + turn) % 2 == 0
        body = {
            "model": "tutelage", "messages": [{"role": "user", "content": prompt}],
            "n": 2 if several else 1, "max_tokens": TOKENS, "temperature": 0.8,
        }  # fmt: skip
        done = post(service, crowd.keys[number], "/v1/chat/completions", body)
        liked = [crowd.preference.score(choice["message"]["content"]) for choice in done["choices"]]
        judged: dict[str, Any] = {"completion_id": done["id"]}
        if several:
            order = sorted(range(len(liked)), key=lambda i: -liked[i])
            judged |= {"kind": "ranking", "ranking": [[i] for i in order]}
        else:
            value = "up" if liked[0] > 0 else "down"
            judged |= {"kind": "thumbs", "choice": 0, "value": value}
        post(service, crowd.keys[number], "/v1/feedback", judged)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(len(crowd.keys))))


def post(service: Service, key: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One request; its JSON."""
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(service.url + path, json=body, headers=headers, timeout=600)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def keys(core: Core, count: int) -> list[str]:
    """New users with a key each."""
    with core.store.write() as session:
        made = [people.create_user(session, f"person {n}") for n in range(count)]
        return [people.create_key(session, user, user.name)[1] for user in made]


def summary(experiment: Experiment) -> dict[str, Any]:
    """How the canary ended."""
    return {
        "policy": experiment.policy_id,
        "state": str(experiment.state),
        "started_by": experiment.started_by,
        "reasons": experiment.reasons,
        "verdict": experiment.verdict,
    }


def told(found: dict[str, Any]) -> None:
    """One line of JSON."""
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
