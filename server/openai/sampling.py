"""Sampling parameters: a request's own, else the operator's, else the protocol's defaults."""

from typing import Any

from server.generators.generator import Sampling
from server.schemas.openai.sampling import SamplingParameters
from tutelage.settings import Settings

DISTINCT = 0.8  # the lowest default temperature of several choices, which are to differ


def chosen(settings: Settings, n: int = 1, **given: float | None) -> dict[str, Any]:
    """Parameters of ``Sampling``; None stands for one that the request does not set.

    A request that sets none gets the operator's defaults. Where it sets one, the others have the
    protocol's defaults, so that ``temperature: 0`` alone is the policy's most probable response.
    """
    own = {name: value for name, value in given.items() if value is not None}
    if own:
        return own
    temperature = settings.temperature if n == 1 else max(settings.temperature, DISTINCT)
    return {
        "temperature": temperature,
        "top_p": settings.top_p,
        "frequency_penalty": settings.frequency_penalty,
    }


def sampling(settings: Settings, body: SamplingParameters, choice: int, **more: Any) -> Sampling:
    """How one choice is sampled; with a seed, every choice has its own."""
    return Sampling(
        **chosen(
            settings,
            body.n or 1,
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k,
            presence_penalty=body.presence_penalty,
            frequency_penalty=body.frequency_penalty,
            repetition_penalty=None if body.repetition_penalty == 1 else body.repetition_penalty,
            min_p=body.min_p or None,
        ),
        seed=None if body.seed is None else body.seed + choice,
        stop=body.stops,
        ignore_eos=bool(body.ignore_eos),
        logit_bias={int(token): bias for token, bias in (body.logit_bias or {}).items()},
        **more,
    )
