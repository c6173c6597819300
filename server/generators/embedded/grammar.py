"""Constrained decoding: which tokens may come next under a JSON Schema, by llguidance."""

from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer

from tutelage.errors import Invalid

COMPACT = {"whitespace_flexible": False}  # a small policy would generate whitespace without end


class Grammar:
    """Follows one response and knows its next tokens."""

    def __init__(self, tokenizer: LLTokenizer, schema: str) -> None:
        """``schema`` is JSON Schema; raises Invalid where it is not supported."""
        self._matcher = LLMatcher(tokenizer, _compiled(schema))
        if self._matcher.is_error():
            problem = f"This JSON Schema cannot be followed: {self._matcher.get_error()}"
            raise Invalid(problem.splitlines()[0], "response_format")

    def allowed(self, size: int) -> torch.Tensor:
        """For each of ``size`` tokens whether it may come next."""
        bias = np.frombuffer(self._matcher.compute_logit_bias(), np.uint8)
        allowed = torch.zeros(size, dtype=torch.bool)
        allowed[: len(bias)] = torch.from_numpy(bias[:size] > 0)
        return allowed

    def push(self, token_id: int) -> None:
        """Record the token that was chosen."""
        self._matcher.consume_token(token_id)


def _compiled(schema: str) -> Any:
    try:
        return LLMatcher.grammar_from_json_schema(schema, defaults=COMPACT)
    except ValueError as error:
        problem = f"This JSON Schema cannot be followed: {error}"
        raise Invalid(problem, "response_format") from error
