"""Two teams of opposite tastes, and people of none: does each team prefer its own policy?

    tutelage bench teams --json
    tutelage bench teams --seed 2 --work build/teams-2

Members of two teams, and as many people without a team, half of either taste, teach one service
through its API. The common policy learns from those without a team, then each team's policy from
its members. Then a member of each team and a person without one ask unseen prompts, and both tastes
judge every answer. "Gain" is the team's own policy less the common one by the team's taste, paired
by prompt. A policy is promoted whatever the gate says of it, unless it is refused.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from common import tell

from training.demo.preferences import PREFERENCES
from training.demo.service import Service
from training.demo.simulated_users import DemoResponse, Habits, ask, shipped_prompts, teach
from training.iteration.run import request_iteration, run_iteration
from tutelage.composition import Core, open_core
from tutelage.people import people, teams
from tutelage.policies import deployment
from tutelage.policies.base import ensure_base
from tutelage.settings import Settings
from tutelage.statistics import bootstrap

TASTES = ("brief", "detailed")
PEOPLE, PROMPTS, UNSEEN, SAMPLES = 6, 80, 60, 2
RESAMPLES = 5000


def measure(core: Core, preset: str, seed: int) -> dict[str, Any]:
    """What each team and everybody else makes of the policies, in one line each."""
    ensure_base(core.store, core.library, core.settings.base_model)
    ids, keys, habits, prompts = {}, {}, Habits(seed=seed), shipped_prompts()
    with core.store.write() as session:
        for taste in TASTES:
            ids[taste] = teams.create(session, taste, "bench").id
    for name in (*TASTES, "nobody"):
        keys[name] = new_keys(core, ids.get(name))
    with Service(core.settings, core.settings.data / "service.log") as service:
        for name, some in keys.items():
            for n, taste in enumerate(TASTES if name == "nobody" else [name]):
                step = len(TASTES) if name == "nobody" else 1
                mine, asked = some[n::step], prompts[:PROMPTS][n::step]
                teach(service.url, mine, PREFERENCES[taste], asked, habits, show)
    found = {name: train(core, preset, ids.get(name)) for name in ("nobody", *TASTES)}
    with Service(core.settings, core.settings.data / "service.log") as service:
        unseen = prompts[PROMPTS : PROMPTS + UNSEEN]
        answers = {
            name: ask(service.url, some[0], unseen, SAMPLES, habits, show)
            for name, some in keys.items()
        }
    for taste in TASTES:
        own, common = by_prompt(answers[taste], taste), by_prompt(answers["nobody"], taste)
        gain = bootstrap([own[each] - common[each] for each in common], RESAMPLES, seed)
        words = sum(len(each.text.split()) for each in answers[taste]) / len(answers[taste])
        found[taste] += f", {words:.0f} words, its own less the common one by its taste {gain}"
    return found


def new_keys(core: Core, team_id: str | None) -> list[str]:
    """A key for each of PEOPLE new members of a team, or of none."""
    keys = []
    with core.store.write() as session:
        for n in range(PEOPLE):
            person = people.create_user(session, f"person {n}")
            if team_id:
                teams.join(session, person.id, team_id, "bench")
            keys.append(people.create_key(session, person, person.name)[1])
    return keys


def train(core: Core, preset: str, team_id: str | None) -> str:
    """Run an iteration and promote its policy; the decision and the policy."""
    outcome = run_iteration(core, request_iteration(core, preset, "bench", team_id).id)
    if outcome.policy_id:
        with core.store.write() as session:
            deployment.promote(session, outcome.policy_id, "bench", "Measured.")
    return f"{outcome.policy_id or 'no policy'} ({outcome.decision})"


def by_prompt(responses: Sequence[DemoResponse], taste: str) -> dict[str, float]:
    """The mean preference of each prompt's answers."""
    score = PREFERENCES[taste].score
    grouped = ((name, list(some)) for name, some in groupby(responses, lambda r: r.prompt.id))
    return {name: sum(score(each.text) for each in some) / len(some) for name, some in grouped}


def show(what: str, done: int, total: int) -> None:
    print(f"\r{what}: {done} of {total}  ", end="", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help="an empty data folder that is kept")
    parser.add_argument("--json", action="store_true", help="also print JSON, on the last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        core = open_core(Settings(data=options.work or Path(temporary), rate_limit=0))
        tell(measure(core, options.preset, options.seed), options.json)
        core.store.close()


if __name__ == "__main__":
    main()
