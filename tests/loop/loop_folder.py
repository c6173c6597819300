"""What the tests of the loop do to a data folder."""

import random
import shutil
import sys
from pathlib import Path
from typing import Literal
from unittest import mock

from training.iteration.run import Outcome, request_iteration, run_iteration
from tutelage.chat import conversations
from tutelage.composition import Core, open_core
from tutelage.feedback import feedback
from tutelage.iterations import iterations
from tutelage.labeling.labeling import prompt_set
from tutelage.settings import Settings
from tutelage.tables import FeedbackKind, Iteration, User

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ITERATION = "iteration-0001"


def copied(folder: Path, target: Path) -> Core:
    """The same rows and files in another place."""
    shutil.copytree(folder, target)
    return open_core(Settings(data=target, moderation="off"))


def judge(core: Core, user: User, number: int, training: bool = True) -> None:
    """A conversation with four answers, shorter ones ranked better; every third also edited."""
    noise = random.Random(number)
    with core.store.write() as session:
        conversation = conversations.start(session, user.id, training)
        prompt = conversations.append(session, conversation, None, "user", f"Question {number}?")
        answers = [
            conversations.append(
                session, conversation, prompt.id, "assistant",
                " ".join(noise.choice(["yes", "no", "maybe"]) for _ in range(choice + 1)),
                completion_id=f"chatcmpl-{number}", choice=choice,
            )
            for choice in range(4)
        ]  # fmt: skip
        ranking = {"ranking": [[answer.id] for answer in answers]}
        feedback.record(
            session, user.id, FeedbackKind.RANKING, answers, ranking, f"chatcmpl-{number}"
        )
        if number % 3 == 0:
            text = {"text": f"Yes, that is {number}."}
            feedback.record(session, user.id, FeedbackKind.EDIT, answers[:1], text, answers[0].id)


def run(core: Core, preset: str = "smoke") -> Outcome:
    """Request the first iteration and run it."""
    request_iteration(core, preset, "ada")
    return run_iteration(core, ITERATION)


def row(core: Core) -> Iteration:
    """The first iteration as it is stored."""
    with core.store.read() as session:
        return iterations.get(session, ITERATION)


def digest(core: Core) -> str:
    """What identifies the policy that the iteration published, weights, card and lineage."""
    return core.library.manifest_sha256("policy-0001")


def assert_faithful(policy: Path, weights: Literal["f16", "bf16"]) -> None:
    """What is served is what was trained: ``tutelage bench fidelity`` on a few short answers.

    Bounds are on the differences of log-probabilities, in nats.
    """
    mean, largest = {"f16": (0.01, 0.1), "bf16": (0.04, 0.3)}[weights]
    with mock.patch.object(sys, "path", [str(BENCHMARKS), *sys.path]):
        from serving import fidelity

    found = fidelity.measure(policy, prompt_set()[:3], 16, weights)
    assert found["mean_difference"] < mean and found["largest_difference"] < largest
    assert found["greedy"] > 0.9
