"""The main experiments in miniature: real stages in a toy environment with a known reward.

    tutelage bench loop --json
    tutelage bench loop --work build/lab --seeds 5 --out docs/results/loop

A  over-optimisation: the proxy reward rises, the true one peaks and falls; early stopping
B  reward-model accuracy against the number of rankings
C  PPO against its initial policy, by the true reward, on unseen prompts
D  PPO against best-of-n at equal KL, and against expert iteration and DPO (TRL's)
E  three iterations, each from the previous one, and whether the first prompts are forgotten
F  PPO-ptx: the effect of its coefficient on the loss on demonstrations and on the true reward
G  labelers with a length bias: the effect on responses, with and without length control
H  ensembles and lower bounds: whether a pessimistic held-out score finds the true peak of A better
I  logged responses in PPO's batch, with importance weights, against a batch without them
J  the methods of ``[optimise]`` side by side on the same rankings, as the product runs them

Labelers agree on 73 % of pairs unless stated otherwise. Every number is a mean over seeds, each
with its own rankings, noise and sampling.
"""

import argparse
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from common import peer_python
from lab import bench, toy_environment
from lab.bench import CONFIG, OTHERS, TEST, TRAIN, UNWATCHED, ToyPolicy, golds, optimise, rankings
from lab.methods import ALL_METHODS, MethodRun, run_method, table
from lab.people import AGREEMENT, Labeler, flips_to_agreement, noise_for
from lab.pessimism import shares_of_peak
from lab.plots import draw
from ppo import PEER_PACKAGES

from training.progress import silent
from training.reports.overoptimization import best_of_n, best_of_n_kl, fit_best_of_n, fit_rl
from training.reward.model import FILE, RewardModel
from training.sft import train_sft
from tutelage.iteration_folder import LADDER
from tutelage.statistics import Interval, bootstrap, win_indicator

PEER = Path(__file__).parent / "peers" / "trl_dpo.py"
RANKINGS = 120  # for the proxy; half as many, by other labelers, for the held-out model
RESAMPLES = 2000


class Lab:
    """A folder with the base policy, and the operations on it."""

    def __init__(
        self,
        work: Path,
        seeds: Sequence[int],
        peer: Path | None = None,
        methods: Sequence[str] = ALL_METHODS,
    ) -> None:
        self.work, self.seeds, self.peer, self.methods = work, seeds, peer, methods
        self.base = work / "base"
        if not (self.base / "model.safetensors").is_file():
            toy_environment.write_base_policy(self.base)
        self.toy_policy = ToyPolicy(self.base)
        answers = self.toy_policy.answers(TRAIN, 2, 1)
        scores = [
            tuple(toy_environment.gold(p, a) for a in pair)
            for p, pair in zip(TRAIN, answers, strict=True)
        ]
        self.noise = {
            agreement: noise_for(agreement, [(a, b) for a, b in scores])
            for agreement in (AGREEMENT, flips_to_agreement(0.25))
        }

    def labeler(self, per_word: float = 0.0, agreement: float = AGREEMENT) -> Labeler:
        return Labeler(self.noise[agreement], per_word)

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def taught(
        self, name: str, seed: int, labeler: Labeler, count: int = RANKINGS, config: Any = CONFIG,
    ) -> Path:  # fmt: skip
        """The folder of a proxy and a held-out reward model, by different labelers."""
        folder = self.fresh(name)
        for model, prompts, size, own in (
            ("proxy", TRAIN, count, 1), ("held_out", OTHERS, count // 2, 2),
        ):  # fmt: skip
            rows = rankings(self.toy_policy, prompts, size, labeler, 100 * seed + own)
            bench.reward_model(self.base, rows, folder / model, config)
        return folder


# A


def over_optimisation(lab: Lab) -> dict[str, Any]:
    """A long PPO run without early stopping, and where early stopping would have ended it."""
    runs = [_long_climb(lab, seed) for seed in lab.seeds]
    shares = [run["kept_share_of_peak"] for run in runs]
    return {
        "runs": runs,
        "kept_share_of_peak": asdict(_interval(shares)),
        "within_10_percent": sum(share >= 0.9 for share in shares),
        "seeds": len(runs),
    }


def _long_climb(lab: Lab, seed: int) -> dict[str, Any]:
    rewards = lab.taught(f"a/{seed}/rewards", seed, lab.labeler())
    far = lab.fresh(f"a/{seed}/far")
    optimise(lab.base, rewards, far, seed=seed, config=UNWATCHED)
    kept = optimise(lab.base, rewards, lab.fresh(f"a/{seed}/kept"), seed=seed, updates=24)
    points = bench.path(lab.base, far)
    gold_kept = float(np.mean(golds(TEST, ToyPolicy(_policy(lab, seed)).answers(TEST, 8, 5))))
    start, peak = points[0].mean, max(point.mean for point in points)
    kl, gains = [p.kl for p in points], [p.mean - start for p in points]
    return {
        "points": [asdict(p) | {"gold": p.mean} for p in points],
        "start": start,
        "peak": peak,
        "last": points[-1].mean,
        "kept": gold_kept,
        "kept_kl": kept["objective/kl"],
        "stop_reason": kept["stop_reason"],
        "kept_share_of_peak": (gold_kept - start) / (peak - start),
        "fit_rl": asdict(fit_rl(kl, gains)),
        "fit_best_of_n_form": asdict(fit_best_of_n(kl, gains)),
    }


def _policy(lab: Lab, seed: int) -> Path:
    return lab.work / f"a/{seed}/kept/policy"


# B


def data_size(lab: Lab) -> dict[str, Any]:
    """Accuracy on true preferences on the test prompts, by number of rankings."""
    answers = lab.toy_policy.answers(TEST, 8, 9)
    truth = np.array(
        [[toy_environment.gold(p, a) for a in some] for p, some in zip(TEST, answers, strict=True)]
    )
    found: dict[str, dict[int, Interval]] = {}
    for name, agreement in (("73% agree", AGREEMENT), ("25% flips", flips_to_agreement(0.25))):
        labeler = lab.labeler(agreement=agreement)
        found[name] = {
            size: _interval(
                [_accuracy(lab, seed, labeler, size, answers, truth) for seed in lab.seeds]
            )
            for size in (15, 30, 60, 120, 240, 480)
        }
    return {name: {n: asdict(i) for n, i in sizes.items()} for name, sizes in found.items()}


def _accuracy(
    lab: Lab, seed: int, labeler: Labeler, size: int, answers: Any, truth: np.ndarray
) -> float:
    rows = rankings(lab.toy_policy, TRAIN, size, labeler, 100 * seed + 3)
    reward = bench.reward_model(lab.base, rows, lab.fresh(f"b/{seed}"))
    return pair_accuracy(lab.toy_policy.scores(reward, TEST, answers), truth)


def pair_accuracy(scores: np.ndarray, truth: np.ndarray) -> float:
    """Pairwise accuracy within prompts against the true reward, without ties."""
    by_score, by_truth = (np.sign(x[:, :, None] - x[:, None, :]) for x in (scores, truth))
    decided = by_truth > 0
    return float(((by_score * by_truth)[decided] > 0).mean())


# C


def over_sft(lab: Lab) -> dict[str, Any]:
    """PPO's true win rate against its initial policy; ties count half."""
    before = _per_answer(lab.toy_policy)
    kept = {seed: _per_answer(ToyPolicy(_policy(lab, seed))) for seed in lab.seeds}
    won, matched, words = [], [], []
    for after in kept.values():
        gains = [b[1] - a[1] for a, b in zip(before, after, strict=True)]
        won += win_indicator(gains)
        near = [g for g, a, b in zip(gains, before, after, strict=True) if _alike(a[0], b[0])]
        matched += win_indicator(near)
        words.append(float(np.mean([b[0] for b in after])))
    return {
        "win_rate": asdict(bootstrap(won, RESAMPLES, 0)),
        "length_matched_win_rate": asdict(bootstrap(matched, RESAMPLES, 0)),
        "length_matched_pairs": len(matched),
        "words_before": float(np.mean([a[0] for a in before])),
        "words_after": float(np.mean(words)),
    }


def _per_answer(toy_policy: ToyPolicy) -> list[tuple[int, float]]:
    """Words and true reward of each response to the test prompts."""
    answers = toy_policy.answers(TEST, 8, 21)
    return [
        (len(a.split()), toy_environment.gold(p, a))
        for p, some in zip(TEST, answers, strict=True)
        for a in some
    ]


def _alike(first: int, second: int) -> bool:
    return abs(first - second) <= 0.2 * max(first, second)


# D


def beside_best_of_n(lab: Lab) -> dict[str, Any]:
    """Gain in true reward at equal KL."""
    curves = [_best_of_n_curve(lab, seed) for seed in lab.seeds]
    mean = {
        n: {
            "kl": best_of_n_kl(n),
            "best_of_n": float(np.mean([c[n] for c in curves])),
            "ppo": float(np.mean([_gain_at(lab, seed, best_of_n_kl(n)) for seed in lab.seeds])),
        }
        for n in curves[0]
    }
    return {"by_n": mean, "baselines": _baselines(lab)}


def _baselines(lab: Lab) -> dict[str, Any]:
    """Simpler methods than PPO on the same rankings: KL and gain in true reward."""
    start = float(np.mean(golds(TEST, lab.toy_policy.answers(TEST, 8, 5))))
    found = {}
    for name, train in (("expert iteration", _expert_iteration), ("DPO (TRL)", _dpo)):
        policies = [train(lab, seed, lab.fresh(f"d/{seed}")) for seed in lab.seeds]
        gold = [
            float(np.mean(golds(TEST, ToyPolicy(p).answers(TEST, 8, 5)))) - start for p in policies
        ]
        kl = [bench.distance(policy, lab.base) for policy in policies]
        found[name] = {"kl": float(np.mean(kl)), "gained": asdict(_interval(gold))}
    return found


def _judged(lab: Lab, seed: int) -> list[dict[str, Any]]:
    """The training rankings of the seed's reward model."""
    return rankings(lab.toy_policy, TRAIN, RANKINGS, lab.labeler(), 100 * seed + 1)


def _expert_iteration(lab: Lab, seed: int, out: Path) -> Path:
    """SFT on the best-ranked answer of each ranking."""
    best = [
        {"messages": [*row["prompt"], {"role": "assistant", "content": _best(row)}]}
        for row in _judged(lab, seed)
    ]
    train_sft(lab.base, best, [], replace(CONFIG, seed=seed), out, silent)
    return out / "policy"


def _best(row: dict[str, Any]) -> str:
    return str(row["responses"][row["ranks"].index(0)])


def _dpo(lab: Lab, seed: int, out: Path) -> Path:
    """Direct preference optimisation on all pairs of all rankings."""
    pairs = [
        [row["prompt"], *([{"role": "assistant", "content": row["responses"][i]}] for i in pair)]
        for row in _judged(lab, seed)
        for pair in itertools.permutations(range(4), 2)
        if row["ranks"][pair[0]] < row["ranks"][pair[1]]
    ]
    (out / "pairs.json").write_text(json.dumps(pairs))
    peer = lab.peer or peer_python("trl", PEER_PACKAGES)
    command = [peer, PEER, "--policy", lab.base, "--pairs", out / "pairs.json"]
    command += ["--out", out / "policy"]
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)
    return out / "policy"


def _best_of_n_curve(lab: Lab, seed: int) -> dict[int, float]:
    reward = RewardModel.load(lab.work / f"a/{seed}/rewards/proxy")
    answers = lab.toy_policy.answers(TEST, 64, 31)
    truth = np.array(
        [[toy_environment.gold(p, a) for a in some] for p, some in zip(TEST, answers, strict=True)]
    )
    proxy = lab.toy_policy.scores(reward, TEST, answers)
    return {n: best_of_n(proxy, truth, n) - truth.mean() for n in (1, 2, 4, 8, 16, 32, 64)}


def _gain_at(lab: Lab, seed: int, kl: float) -> float:
    """PPO's gain in true reward where its path first crosses a KL, interpolated."""
    points = bench.path(lab.base, lab.work / f"a/{seed}/far")
    reached = np.maximum.accumulate([p.kl for p in points])
    return float(np.interp(kl, reached, [p.mean - points[0].mean for p in points]))


# E


def three_iterations(lab: Lab) -> dict[str, Any]:
    """Each iteration ranks the newest policy's responses and trains on all rankings so far."""
    runs = [_iterate(lab, seed) for seed in lab.seeds]
    by_step = list(zip(*runs, strict=True))
    return {
        "gold_new_prompts": [asdict(_interval([step[0] for step in steps])) for steps in by_step],
        "gold_old_prompts": [asdict(_interval([step[1] for step in steps])) for steps in by_step],
        "improved_each_time": sum(
            all(b[0] > a[0] for a, b in itertools.pairwise(run)) for run in runs
        ),
        "seeds": len(runs),
    }


def _iterate(lab: Lab, seed: int) -> list[tuple[float, float]]:
    """The true reward on test prompts and on the first iteration's, before and after each."""
    policy, rows, found = lab.base, {"proxy": [], "held_out": []}, []
    parts = (TRAIN[:16], TRAIN[16:32], TRAIN[32:])
    for step, prompts in enumerate((*parts, None)):
        toy_policy = ToyPolicy(policy)
        found.append(
            tuple(
                float(np.mean(golds(asked, toy_policy.answers(asked, 8, 5))))
                for asked in (TEST, parts[0])
            )
        )
        if prompts is None:
            return found
        folder = lab.fresh(f"e/{seed}/{step}")
        for name, asked in (("proxy", prompts), ("held_out", OTHERS)):
            generator = 100 * seed + 10 * step + len(name)
            rows[name] += rankings(toy_policy, asked, RANKINGS, lab.labeler(), generator)  # type: ignore[arg-type]
            bench.reward_model(policy, rows[name], folder / "rewards" / name)
        optimise(policy, folder / "rewards", folder / "ppo", seed=seed + step)
        policy = folder / "ppo" / "policy"
    raise AssertionError("unreachable")


# F


def ptx(lab: Lab) -> dict[str, Any]:
    """The loss on unseen demonstrations and the true reward, by coefficient."""
    found = {}
    for coefficient in (0.0, 0.03, 0.1, 0.3, 1.0):
        losses, gold = [], []
        for seed in lab.seeds:
            rewards = lab.work / f"a/{seed}/rewards"
            out = lab.fresh(f"f/{seed}")
            shown = TRAIN[:24]
            optimise(lab.base, rewards, out, ptx_prompts=shown, seed=seed, ptx_coef=coefficient)
            losses.append(bench.demonstration_loss(out / "policy", TEST))
            gold.append(float(np.mean(golds(TEST, ToyPolicy(out / "policy").answers(TEST, 8, 5)))))
        found[coefficient] = {"loss": asdict(_interval(losses)), "gold": asdict(_interval(gold))}
    return {"before": bench.demonstration_loss(lab.base, TEST), "by_coefficient": found}


# G


def length_bias(lab: Lab) -> dict[str, Any]:
    """Words per response and true reward, for labelers with and without a length bias."""
    return {
        f"{bias:g} per word, control {control}": _biased(lab, bias, control)
        for bias in (0.0, 0.15)
        for control in ("off", "on", "auto")
    }


def _biased(lab: Lab, bias: float, control: str) -> dict[str, Any]:
    config = replace(CONFIG, reward_model=replace(CONFIG.reward_model, length_control=control))
    words, gold = [], []
    for seed in lab.seeds:
        name = f"g/{seed}"
        rewards = lab.taught(f"{name}/rewards", seed, lab.labeler(bias), config=config)
        optimise(lab.base, rewards, lab.fresh(f"{name}/ppo"), seed=seed)
        answers = _per_answer(ToyPolicy(lab.work / name / "ppo" / "policy"))
        words.append(float(np.mean([length for length, _ in answers])))
        gold.append(float(np.mean([score for _, score in answers])))
    return {"words": asdict(_interval(words)), "gold": asdict(_interval(gold))}


# H


def doubted(lab: Lab) -> dict[str, Any]:
    """Where each pessimistic held-out score would have stopped the runs of A."""
    runs = []
    for seed in lab.seeds:
        rows = rankings(lab.toy_policy, OTHERS, RANKINGS // 2, lab.labeler(), 100 * seed + 2)
        reward = RewardModel.load(lab.work / f"a/{seed}/rewards/held_out")
        grid = lab.work / f"a/{seed}/far" / LADDER
        runs.append(shares_of_peak(lab.toy_policy, reward, rows, grid))
    return {
        name: asdict(_interval([run[name] for run in runs]))
        | {"within_10_percent": sum(run[name] >= 0.9 for run in runs)}
        for name in runs[0]
    }


# I


def reuse(lab: Lab) -> dict[str, Any]:
    """True reward of the policy kept, by the new and logged responses in a batch."""
    arms = {"64 new": (64, 0.0), "32 new": (32, 0.0), "32 new, 32 logged": (64, 0.5)}
    gold: dict[str, list[float]] = {name: [] for name in arms}
    for seed in lab.seeds:
        rewards = lab.taught(f"i/{seed}/rewards", seed, lab.labeler())
        logged = lab.toy_policy.logged(TRAIN, 8, 300 + seed)
        for name, (batch, share) in arms.items():
            out = lab.fresh(f"i/{seed}/ppo")
            settings = {"batch": batch, "reuse": share}
            optimise(lab.base, rewards, out, seed=seed, replay_data=logged, **settings)
            kept = ToyPolicy(out / "policy").answers(TEST, 8, 5)
            gold[name].append(float(np.mean(golds(TEST, kept))))
    gains = np.subtract(gold["32 new, 32 logged"], gold["32 new"]).tolist()
    before = float(np.mean(golds(TEST, lab.toy_policy.answers(TEST, 8, 5))))
    return {
        "before": before,
        "gold": {name: asdict(_interval(values)) for name, values in gold.items()},
        "gain_of_logged": asdict(_interval(gains)),
    }


# J


def methods(lab: Lab) -> dict[str, Any]:
    """Each method's ladder and choice, by the true reward; runs that are there are not repeated."""
    found: dict[str, list[MethodRun]] = {name: [] for name in lab.methods}
    for seed in lab.seeds:
        folder = lab.work / f"j/{seed}/rewards"
        if not (folder / "held_out" / FILE).is_file():
            lab.taught(f"j/{seed}/rewards", seed, lab.labeler())
        for name, runs in found.items():
            out = lab.work / f"j/{seed}/{name}"
            runs.append(run_method(name, lab.base, folder, _judged(lab, seed), out, seed))
            print(f"seed {seed}, {name}: {runs[-1]}", file=sys.stderr, flush=True)
    return table(found)


EXPERIMENTS: dict[str, Callable[[Lab], dict[str, Any]]] = {
    "A": over_optimisation,
    "B": data_size,
    "C": over_sft,
    "D": beside_best_of_n,
    "E": three_iterations,
    "F": ptx,
    "G": length_bias,
    "H": doubted,
    "I": reuse,
    "J": methods,
}  # C, D, F and H go on with what A has left in its folder


def _interval(values: Sequence[float]) -> Interval:
    return bootstrap(values, RESAMPLES, 0)


def main() -> None:
    """Runs the named experiments and writes the result and plot of each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("build/lab"))
    parser.add_argument("--out", type=Path, default=Path("build/lab/results"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--methods", nargs="+", default=ALL_METHODS, help="of experiment J")
    parser.add_argument("--only", default="ABCDEFGHIJ", help="letters of the experiments to run")
    parser.add_argument("--peer-python", type=Path, help="else a venv is made for TRL")
    parser.add_argument("--json", action="store_true", help="the result is one line of JSON anyway")
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    lab = Lab(args.work, seeds, args.peer_python, args.methods)
    args.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for letter in args.only:
        print(f"{letter}: {EXPERIMENTS[letter].__name__} …", file=sys.stderr, flush=True)
        results[letter] = EXPERIMENTS[letter](lab)
        (args.out / f"{letter}.json").write_text(json.dumps(results[letter], indent=1) + "\n")
        draw(letter, results[letter], args.out / f"{letter}.svg")
    for run in results.get("A", {}).get("runs", []):
        del run["points"]
    print(json.dumps(results))


if __name__ == "__main__":
    main()
