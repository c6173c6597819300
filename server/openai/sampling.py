"""Sampling parameters: a request's own, else the operator's, else the protocol's defaults."""

from typing import Any

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
