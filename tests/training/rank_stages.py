"""Every stage on the tiny policy, for the test that several ranks make of them what one makes.

    python rank_stages.py FOLDER

Started with torchrun's environment, rank 0 runs the stages and the others follow it.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from training import parallel
from training.config import IterationConfig
from training.evaluation.evaluate import Policies, evaluate
from training.model.load import load_model
from training.optimise.optimise import optimise_policy
from training.ppo.optimiser import JudgedData
from training.progress import silent
from training.reward.train import train_reward_model
from training.reward.validation import validate_reward_model
from training.sft import train_sft
from tutelage.errors import Invalid

WORDS = ("yes", "no", "maybe", "it depends")
SAMPLES = [[{"role": "user", "content": f"Question {i}?"}] for i in range(7)]
UNSEEN = [[{"role": "user", "content": f"Another {i}?"}] for i in range(5)]
METHODS: dict[str, dict[str, Any]] = {
    "ppo": {"ptx_coef": 0.1, "ptx_batch": 3, "reuse": 0.25},
    "dpo": {},
    "sft-best": {},
}
SHARDED = "ppo"  # is run again with the trunk divided among the ranks


def settings() -> IterationConfig:
    """The smoke settings with a reward model that has adapters."""
    smoke = IterationConfig.load("smoke")
    return replace(
        smoke,
        sft=replace(smoke.sft, epochs=1),
        reward_model=replace(smoke.reward_model, kind="lora", lora_epochs=1, penalties=(1.0,)),
        evaluation=replace(smoke.evaluation, battery=1),
    )


def rankings(first: int, count: int) -> list[dict[str, Any]]:
    """Rankings of several lengths."""
    return [
        {
            "conversation_id": str(i),
            "prompt": SAMPLES[i % len(SAMPLES)],
            "responses": [" ".join([WORDS[(i + k) % 4]] * (k + 1)) for k in range(2 + i % 3)],
            "ranks": [0, *[1] * (1 + i % 3)],
            "finished": [True, *[i % 2 == 0] * (1 + i % 3)],
        }
        for i in range(first, first + count)
    ]


def run_stages(policy: Path, out: Path) -> dict[str, Any]:
    """The numbers that SFT, reward models, every optimiser and the evaluation come to."""
    config, said = settings(), [{"role": "assistant", "content": "Yes, it is."}]
    shown = [{"messages": prompt + said} for prompt in SAMPLES]
    found: dict[str, Any] = {
        "sft": train_sft(policy, shown, shown[:3], config, out / "sft", silent)
    }
    sft = out / "sft" / "policy"
    for name, first in (("proxy", 0), ("held_out", 7)):
        found[name] = train_reward_model(sft, rankings(first, 7), [], config, out / name, silent)
    validation = validate_reward_model(sft, out / "proxy", rankings(20, 5), config)
    found["validation"] = [validation.chosen, validation.rejected]
    logged = [
        {"prompt": p, "token_ids": [40, 41, 2], "logprobs": [-5.0, -5.0, -5.0]} for p in UNSEEN
    ]
    data = JudgedData(SAMPLES, UNSEEN, rankings(0, 7), shown, logged)
    for method, shard in [*((name, False) for name in METHODS), (SHARDED, True)]:
        chosen = replace(
            config,
            shard=shard,
            optimise=replace(config.optimise, method=method),
            ppo=replace(config.ppo, updates=1, **METHODS[method]),
            dpo=replace(config.dpo, epochs=1, batch=3),
            imitation=replace(config.imitation, epochs=1, rounds=1, best_of=2, keep=1, batch=3),
        )
        name = f"{method}-sharded" if shard else method
        kept = optimise_policy(
            sft, out / "proxy", out / "held_out", data, chosen, out / name, silent
        )
        found[name] = {key: value for key, value in kept.items() if key != "seconds"}
    policies = Policies(policy, out / "ppo" / "policy", sft, out / "held_out")
    (out / "evaluation").mkdir()
    found["evaluation"] = evaluate(
        policies, UNSEEN, flagged, config, out / "evaluation", silent
    ).as_json()
    return found


def flagged(text: str) -> bool:
    """What stands for moderation."""
    return "e" in text


@parallel.together
def kept_share(policy_dir: Path, config: IterationConfig) -> float:
    """How much of a sharded trunk this rank keeps."""
    layers = load_model(policy_dir, config).lower
    parts = [getattr(p, "to_local", lambda p=p: p)() for p in layers.parameters()]
    return sum(p.numel() for p in parts) / sum(p.numel() for p in layers.parameters())


def refused(policy: Path, out: Path) -> bool:
    """Whether a stage that has nothing to learn from says so; the ranks go on after it."""
    try:
        train_reward_model(policy, [], [], settings(), out / "nothing", silent)
    except Invalid:
        return True
    return False


def main(arguments: Sequence[str]) -> None:
    """As rank 0: write ``found.json`` into the folder, which holds ``policy``."""
    folder = Path(arguments[0])
    with parallel.ranks() as leads:
        if not leads:
            parallel.follow()
            return
        stopped = refused(folder / "policy", folder)
        found = run_stages(folder / "policy", folder)
        kept = kept_share(folder / "policy", replace(settings(), shard=True))
        facts = {"found": found, "refused": stopped, "ranks": parallel.size(), "kept": kept}
        (folder / "found.json").write_text(json.dumps(facts, default=asdict))


if __name__ == "__main__":
    main(sys.argv[1:])
