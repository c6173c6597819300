"""The duration of one iteration: 200 rankings of four responses, from snapshot to decision.

    tutelage bench quick --json
    tutelage bench quick --preset smoke --json      seconds, on a random tiny policy

The policy's responses to the shipped prompts are ranked by a simulated preference; that takes
minutes too, and is not counted.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from sqlmodel import Session

from training import bundled_data
from training.compute import compute
from training.config import IterationConfig
from training.demo.preferences import PREFERENCES
from training.iteration.run import request_iteration, run_iteration
from training.model.load import load_model
from training.model.tiny import write_tiny_policy
from training.model.tokenizer import ChatTokenizer
from training.ppo.rollout import RolloutSampling, sample
from tutelage.chat import conversations
from tutelage.composition import Core, open_core
from tutelage.feedback import feedback
from tutelage.people import people
from tutelage.policies import deployment
from tutelage.policies.base import BASE_ID, build
from tutelage.settings import Settings
from tutelage.tables import FeedbackKind, User

ANSWERS = 4


def measure(core: Core, preset: str, rankings: int, preference: str) -> dict[str, Any]:
    """Adds rankings, runs an iteration, and returns its cost."""
    config = IterationConfig.load(preset)
    with core.store.write() as session:
        deployment.register(session, BASE_ID, core.library.manifest_sha256(BASE_ID))
        deployment.promote(session, BASE_ID, "system")
        teach(session, core.library.path(BASE_ID), config, rankings, PREFERENCES[preference].score)
    began = time.monotonic()
    outcome = run_iteration(core, request_iteration(core, preset, "benchmark").id)
    return {
        "minutes": round((time.monotonic() - began) / 60, 2),
        "rankings": rankings,
        "decision": outcome.decision,
        "reasons": outcome.reasons,
        "stages": outcome.metrics["stages"],
    }


def teach(session: Session, policy: Path, config: IterationConfig, count: int, score: Any) -> None:
    """Adds ``count`` prompts, each with four ranked responses."""
    person = people.create_user(session, "ada", training=True)
    prompts = [row["prompt"] for row in bundled_data.rows(bundled_data.PROMPTS)[:count]]
    for prompt, texts in zip(prompts, answers(policy, prompts, config), strict=True):
        ranked(session, person, prompt, texts, score)


def answers(policy: Path, prompts: Sequence[str], config: IterationConfig) -> list[list[str]]:
    """Four responses to each prompt, sampled as PPO samples."""
    tokenizer, new = ChatTokenizer(policy), config.ppo.max_new_tokens
    generator = torch.Generator().manual_seed(config.seed)
    sampling = RolloutSampling(config.ppo.temperature, new, tokenizer.eos_ids)
    with compute(config):
        model, said = load_model(policy, config), []
        for start in range(0, len(prompts), 16):
            asked = [[{"role": "user", "content": p}] for p in prompts[start : start + 16]]
            ids = [tokenizer.prompt(messages) for messages in asked for _ in range(ANSWERS)]
            random_uniforms = torch.rand(len(ids), new, generator=generator)
            said += sample(model, model.reference, ids, random_uniforms, sampling)
            print(f"{len(said)} answers …", file=sys.stderr, flush=True)
    texts = [tokenizer.text(episode.words.tolist()) for episode in said]
    return [texts[i : i + ANSWERS] for i in range(0, len(texts), ANSWERS)]


def ranked(
    session: Session, person: User, prompt: str, texts: list[str], score: Callable[[str], float]
) -> None:
    conversation = conversations.start(session, person.id, training=True)
    asked = conversations.append(session, conversation, None, "user", prompt)
    said = [
        conversations.append(
            session, conversation, asked.id, "assistant", text, choice=i, policy_id=BASE_ID
        )
        for i, text in enumerate(texts)
    ]
    order = sorted(said, key=lambda message: -score(message.content))
    ranking = {"ranking": [[message.id] for message in order]}
    feedback.record(session, person.id, FeedbackKind.RANKING, said, ranking, asked.id)


def main() -> None:
    """Measures in a fresh folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--rankings", type=int, default=200)
    parser.add_argument("--preference", default="brief", choices=sorted(PREFERENCES))
    parser.add_argument("--json", action="store_true", help="the result is one line of JSON anyway")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        core = open_core(Settings(data=Path(scratch)))
        core.library.publish(BASE_ID, write_tiny_policy if args.preset == "smoke" else build, {})
        print(json.dumps(measure(core, args.preset, args.rankings, args.preference)))


if __name__ == "__main__":
    main()
