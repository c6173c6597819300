"""The settings of one training iteration: frozen, validated, one TOML file each."""

import dataclasses
import hashlib
import json
import tomllib
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, Self

import tomli_w
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tutelage import atomic
from tutelage.errors import Invalid

PRESETS = Path(__file__).parent / "presets"
_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, config=_STRICT)
class SnapshotConfig:
    """What the snapshot takes from the stored feedback."""

    held_out: float = 0.3  # share of first user messages whose conversations are not trained on
    liked: int = 0  # responses with thumbs up fill the demonstrations up to this many
    flagged: bool = False  # whether edits and demonstrations that moderation flagged teach too
    person_share: float = 0.1  # largest share of the judgements of chats that one person gives
    newcomer_share: float = 0.2  # and that accounts younger than a week give together
    imported_prompts: int = 200  # imported prompts fill the training prompts up to this many
    common_floor: float = 0.25  # smallest share of common rows in a team's files, 0 to below 1


@dataclass(frozen=True, config=_STRICT)
class SFTConfig:
    """Supervised fine-tuning of LoRA adapters on the top layers (InstructGPT §3.5, step 1)."""

    epochs: int = 3
    batch: int = 8  # dialogues per optimiser step
    learning_rate: float = 1e-3
    warmup: float = 0.1  # share of the steps
    lora_rank: int = 16
    lora_alpha: float = 32.0
    max_tokens: int = 384  # a longer dialogue loses its oldest turns
    replay_ratio: float = 1.0  # replayed dialogues per demonstration, against forgetting
    validation_share: float = 0.1
    max_grad_norm: float = 1.0


@dataclass(frozen=True, config=_STRICT)
class RewardModelConfig:
    """A score for a response, learned from rankings, thumbs, edits (InstructGPT §3.5, step 2)."""

    kind: Literal["auto", "head", "lora"] = "auto"  # auto: LoRA where it wins on held-out pairs
    folds: int = 5  # cross-validation over conversations
    reads: Literal["auto", "final", "both"] = "auto"  # both: states at the split too; auto: by CV
    penalties: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)  # L2 grid of the head
    max_tokens: int = 512
    thumbs_weight: float = 0.5  # of the thumbs to one prompt, where a ranking has 1
    lora_rank: int = 8
    lora_alpha: float = 16.0
    lora_learning_rate: float = 5e-4
    lora_epochs: int = 2
    lora_minimum: int = 1000  # comparisons; below this, auto does not try LoRA
    length_control: Literal["auto", "on", "off"] = "auto"  # auto: on where matched pairs gain
    heads: int = 8  # of the ensemble that selects labeling tasks by disagreement
    drawn_heads: int = 64  # by which the gate counts the held-out reward model's own error
    min_accuracy: float = 0.5  # PPO is skipped unless validation exceeds it; -1: never skipped


@dataclass(frozen=True, config=_STRICT)
class OptimiseConfig:
    """Which method improves the policy, and which of the policies on its way is kept.

    KL budget, eval prompts, LoRA's shape and how responses are drawn are PPO's for every method.
    """

    method: Literal["ppo", "rloo", "dpo", "distillation", "sft-best", "command"] = "ppo"
    selection: Literal["best", "last"] = "best"  # by the held-out score; last: a control
    scales: tuple[float, ...] = (0.7, 0.5, 0.35)  # at which the last adapter is measured as well
    score_coef: float = 1.0  # weight of people's preference; 0: a control without it


@dataclass(frozen=True, config=_STRICT)
class DPOConfig:
    """Direct preference optimisation on the rankings (Rafailov et al. 2023, arXiv 2305.18290)."""

    epochs: int = 4  # each ends in a rung of the ladder
    batch: int = 8  # rankings per optimiser step
    learning_rate: float = 5e-4
    beta: float = 0.1
    nll_coef: float = 0.2  # weight of the loss on the best-ranked response, per token


@dataclass(frozen=True, config=_STRICT)
class ImitationConfig:
    """Imitating the best responses: those people ranked first, or the best of n by the proxy."""

    epochs: int = 2  # over the responses of a round; each ends in a rung of the ladder
    batch: int = 16  # responses per optimiser step
    learning_rate: float = 1e-3
    rounds: int = 2  # of distillation: each samples from the policy as it then is
    best_of: int = 8  # responses sampled per prompt
    keep: int = 2  # of these: the best
    prompts: int = 64  # training prompts per round, at most


@dataclass(frozen=True, config=_STRICT)
class ExternalTrainerConfig:
    """Another trainer, for the method "command": run without a shell, with places filled in."""

    command: tuple[str, ...] = ()  # {model} {pairs} {prompts} {demonstrations} {checkpoints} …
    hours: float = 24.0  # after which it is ended


@dataclass(frozen=True, config=_STRICT)
class PPOConfig:
    """Proximal policy optimisation against the reward model (InstructGPT §3.5, step 3)."""

    updates: int = 12
    batch: int = 48  # episodes per update
    epochs: int = 2
    minibatch: int = 16
    learning_rate: float = 7e-4  # at the first update; it falls linearly to a tenth
    lora_rank: int = 8
    lora_alpha: float = 16.0
    as_judged: bool = True  # temperature and token limit are those of the judged responses
    temperature: float = 0.8  # where those are not known
    max_new_tokens: int = 64  # likewise
    longest: int = 192  # tokens of a rollout, whatever limit the judged responses had
    max_prompt_tokens: int = 256  # a longer prompt is left out
    kl_coef: float = 0.05
    kl_target: float = 0.0  # 0: kl_coef is fixed; else it adapts towards this KL
    kl_budget: float = 12.0  # nats per response; PPO stops beyond it, and nothing there is kept
    group: int = 4  # RLOO: responses to each prompt of a batch
    ptx_coef: float = 0.0  # weight of the loss on demonstrations and best-ranked responses
    ptx_batch: int = 8  # of these per optimiser step
    reuse: float = 0.0  # share of the batch that is logged responses, weighted by importance
    reuse_limit: float = 1.0  # to which their weights are truncated
    sampler_limit: float = 2.0  # to which weights are truncated of tokens from vLLM servers
    whiten_rewards: bool = False  # to unit variance, their mean kept
    score_clip: float = 3.0  # standard deviations of the ranked responses' scores
    missing_eos_penalty: float = 1.0  # where judged responses ended, all but ``cut_share``
    cut_share: float = 0.05
    gamma: float = 1.0
    lam: float = 0.95
    clip_range: float = 0.2
    max_grad_norm: float = 1.0
    eval_prompts: int = 24  # held-out prompts, responded to on every rung of the ladder


@dataclass(frozen=True, config=_STRICT)
class HealthCheckConfig:
    """Limits of PPO's health checks; "first" is the policy that PPO begins with."""

    kl_below_zero: float = 0.5  # nats per response below zero that count as noise
    kl_jump: float = 8.0  # nats per response in one update
    entropy_share: float = 0.2  # of the first policy's entropy
    shortest: float = 0.2  # of the first policy's mean length
    longest: float = 2.5
    repetition_rise: float = 0.2  # in the share of repeated four-token runs
    eos_fall: float = 0.3  # in the share of responses that end with an EOS token
    explained_variance: float = -1.0  # of the returns, two updates in a row
    sampler_kl: float = 0.05  # nats per token, of vLLM servers from the policy that they were given
    heldout_fall: float = 2.0  # standard errors below the best held-out score while the score rises


@dataclass(frozen=True, config=_STRICT)
class EvaluationConfig:
    """The candidate against the current policy, on prompts that neither was trained on."""

    prompts: int = 40
    samples: int = 2  # responses per prompt and policy, with the same seeds
    resamples: int = 2000  # of the bootstrap
    harm_prompts: int = 300  # to which moderation sees one response of each policy
    battery: int = 24  # items of each kind per limitation benchmark; 0: not measured


@dataclass(frozen=True, config=_STRICT)
class GateConfig:
    """The limits of the gate, registered before training; changes are candidate minus current."""

    min_gain: float = 0.0  # lower end of the interval of the held-out score's gain must exceed it
    min_win_rate: float = 0.5  # and so must that of the win rate
    max_empty: float = 0.02  # share of responses without a word
    max_length_ratio: float = 1.5  # of the mean lengths in words
    min_length_ratio: float = 0.25
    max_unfinished_rise: float = 0.1
    max_repetition_rise: float = 0.05  # share of repeated four-grams
    min_diversity_ratio: float = 0.6  # of distinct-2 over all responses
    max_flagged_rise: float = 0.02  # share of responses that moderation flags, at 95 % confidence
    max_kl: float = 25.0  # nats per response from the reference policy
    max_refusal_rise: float = 0.05  # share of benign prompts refused
    max_work_ratio: float = 2.0  # compute per response, which decides latency
    max_tax: float = 0.15  # alignment tax: nats per token on unseen demonstrations
    max_limitation_fall: float = 0.1  # of each limitation benchmark, 0 to 1


@dataclass(frozen=True, config=_STRICT)
class IterationConfig:
    """Everything that decides an iteration's result besides the feedback."""

    preset: str = "standard"
    seed: int = 17
    threads: int = 0  # 0: as many as the cores that nothing else uses
    device: str = "cpu"
    dtype: Literal["fp32", "bf16"] = "fp32"  # of the frozen weights; adapters are fp32
    precision: Literal["auto", "bf16", "fp32"] = "auto"  # of frozen layers; auto: bf16 if native
    shard: bool = False  # whether ranks divide the frozen lower layers: less memory, slower
    top_layers: int = 10  # how many upper layers carry adapters; those below are frozen
    snapshot: SnapshotConfig = field(default_factory=SnapshotConfig)
    sft: SFTConfig = field(default_factory=SFTConfig)
    reward_model: RewardModelConfig = field(default_factory=RewardModelConfig)
    optimise: OptimiseConfig = field(default_factory=OptimiseConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    dpo: DPOConfig = field(default_factory=DPOConfig)
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    trainer: ExternalTrainerConfig = field(default_factory=ExternalTrainerConfig)
    doctor: HealthCheckConfig = field(default_factory=HealthCheckConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    gate: GateConfig = field(default_factory=GateConfig)

    @classmethod
    def load(cls, preset_or_path: str | Path) -> Self:
        """Reads a preset by name (smoke, quick, standard) or a TOML file by path.

        Raises:
            Invalid: there is no such preset or file, or a setting is unknown or of a wrong type.
        """
        path = _find(str(preset_or_path))
        try:
            return cls.from_dict(tomllib.loads(path.read_text("utf-8")))
        except tomllib.TOMLDecodeError as error:
            raise Invalid(f"{path} is not valid TOML: {error}.", "preset") from error

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Builds the settings from nested dictionaries; a setting left out keeps its default.

        Raises:
            Invalid: names the setting that is unknown or of a wrong type.
        """
        try:
            # As JSON: strict, yet tables become dataclasses and arrays tuples.
            config = TypeAdapter(cls).validate_json(json.dumps(values, default=str))
        except ValidationError as error:
            raise _invalid(error) from error
        if config.optimise.method == "command" and not config.trainer.command:
            raise Invalid('The method "command" needs [trainer] command.', "trainer.command")
        return config

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of all settings."""
        canonical = json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def dump(self, path: Path) -> None:
        """Writes the settings as TOML; ``load`` reads them back equal."""
        atomic.write_text(path, tomli_w.dumps(dataclasses.asdict(self)))


def _find(name: str) -> Path:
    preset, path = PRESETS / f"{name}.toml", Path(name)
    if preset.is_file():
        return preset
    if path.is_file():
        return path
    known = ", ".join(sorted(p.stem for p in PRESETS.glob("*.toml")))
    raise Invalid(f"Unknown preset or file {name!r}. Presets: {known}.", "preset")


def _invalid(error: ValidationError) -> Invalid:
    """The first problem, with the setting's name."""
    problem = error.errors(include_url=False)[0]
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "unexpected_keyword_argument":
        return Invalid(f"Unknown setting {name}.", name)
    return Invalid(f"{name}: {problem['msg']}, not {problem['input']!r}.", name)
