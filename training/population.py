"""One population of responses: rollouts and gate sample as the judged responses were sampled.

What people ranked is what the reward model knows. Other temperatures or token limits would have it
judge responses of another kind, and a penalty for responses without an end would teach brevity
where the ranked ones were themselves cut at their limit.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from training.config import IterationConfig
from training.snapshot import Row
from tutelage.settings import Settings

COOLEST = 0.3  # below it, rollouts hardly vary, and nothing is learned


@dataclass(frozen=True)
class JudgedPopulation:
    """How the ranked responses were sampled: the commonest setting of each kind."""

    responses: int  # that policies wrote and people ranked, their sampling known
    temperature: float
    top_p: float
    max_tokens: int
    cut: float  # share that ended at the token limit

    @classmethod
    def of(cls, rankings: Iterable[Row]) -> "JudgedPopulation | None":
        """Of a snapshot's rankings; None where no sampling is stored."""
        known = [
            (sampling, finished)
            for row in rankings
            for sampling, finished in zip(
                row.get("sampling", ()), row.get("finished", ()), strict=True
            )
            if sampling
        ]
        if not known:
            return None
        samplings = [sampling for sampling, _ in known]
        return cls(
            responses=len(known),
            temperature=_commonest(samplings, "temperature"),
            top_p=_commonest(samplings, "top_p"),
            max_tokens=_commonest(samplings, "max_tokens"),
            cut=sum(not finished for _, finished in known) / len(known),
        )


def as_judged(config: IterationConfig, judged: JudgedPopulation | None) -> IterationConfig:
    """The settings with the sampling of the judged responses, as far as a policy can be trained so.

    Rollouts have no nucleus: PPO and DPO need the probabilities of whole distributions.
    """
    ppo = config.ppo
    if judged is None or not ppo.as_judged:
        return config
    return replace(
        config,
        ppo=replace(
            ppo,
            temperature=max(COOLEST, judged.temperature),
            max_new_tokens=min(ppo.longest, judged.max_tokens),
            missing_eos_penalty=0.0 if judged.cut > ppo.cut_share else ppo.missing_eos_penalty,
        ),
    )


def population_facts(
    config: IterationConfig, judged: JudgedPopulation | None, settings: Settings
) -> dict[str, Any]:
    """For a policy's manifest: how responses were judged, sampled for training and gate, and are
    served where a request says nothing. ``config``: the settings as judged."""
    ppo = config.ppo
    return {
        "judged": asdict(judged) if judged else None,
        "rollouts_and_gate": {
            "temperature": ppo.temperature,
            "top_p": 1.0,
            "max_tokens": ppo.max_new_tokens,
            "missing_eos_penalty": ppo.missing_eos_penalty,
        },
        "served": {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": settings.max_response_tokens,
        },
    }


def _commonest(samplings: Sequence[Row], name: str) -> Any:
    return Counter(sampling[name] for sampling in samplings).most_common(1)[0][0]
