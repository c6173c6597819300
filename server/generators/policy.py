"""A policy in memory: model, tokenizer and chat template, and the one forward pass they need."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from jinja2 import TemplateError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from server.generators import attention
from server.generators.attention import Segment
from server.generators.keyvalues import Geometry, KeyValues
from server.generators.linear import pack
from tutelage.errors import Invalid, Unavailable

Messages = Sequence[Mapping[str, str]]


class Policy:
    """A causal language model of transformers that computes many sequences at once.

    Weights are float32, as trained: rounding them to 16 bit shifts log-probabilities by some
    hundredths, and what is served must be what was trained and evaluated.
    """

    def __init__(self, policy_id: str, model: Any, tokenizer: Any) -> None:
        self.policy_id = policy_id
        self.end_ids = _end_ids(model, tokenizer)
        self.positions = int(model.config.max_position_embeddings)
        self.geometry = _geometry(model)
        self._model = model
        self._tokenizer = tokenizer

    def encode(self, messages: Messages) -> list[int]:
        """Token ids of a conversation, up to where the assistant's answer begins.

        Raises Invalid when the chat template refuses it or a text is no valid Unicode.
        """
        try:
            text: str = self._tokenizer.apply_chat_template(
                [dict(message) for message in messages], tokenize=False, add_generation_prompt=True
            )
            text.encode()
        except (TemplateError, ValueError) as error:
            problem = f"This policy cannot read these messages: {error}."
            raise Invalid(problem, "messages") from error
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens, without the special ones, exactly as generated."""
        return cast(
            str,
            self._tokenizer.decode(
                tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            ),
        )

    def logprobs(self, segments: Sequence[Segment], wanted: Sequence[Segment]) -> torch.Tensor:
        """Compute all segments, and log-probabilities of what follows the ``wanted`` ones.

        Returns [len(wanted), vocabulary], at temperature 1. The segments' keys and values have
        grown by their tokens afterwards.
        """
        device = self.geometry.device
        tokens = [token for segment in segments for token in segment.tokens]
        positions = [position for segment in segments for position in segment.positions]
        logits = self._model(
            input_ids=torch.tensor([tokens], device=device),
            position_ids=torch.tensor([positions], device=device),
            use_cache=False,
            segments=segments,
            logits_to_keep=torch.tensor(_last(segments, wanted), dtype=torch.long, device=device),
        ).logits[0]
        for segment in segments:
            segment.kv.advance(segment.tokens)
        return cast(torch.Tensor, logits.float().log_softmax(-1))

    def check(self) -> None:
        """Compute one short prompt. Raises Unavailable if the weights give no numbers."""
        prompt = Segment(KeyValues(self.geometry), self.encode([{"role": "user", "content": "Hi"}]))
        with torch.inference_mode():
            finite = bool(self.logprobs([prompt], [prompt]).isfinite().all())
        if not finite:
            raise Unavailable("its weights hold values that are not numbers")


def load_policy(policy_id: str, path: Path) -> Policy:
    """Load a policy directory; raises Unavailable saying why when it cannot be served."""
    try:
        policy = Policy(policy_id, _load_model(path), _load_tokenizer(path))
        policy.check()
    except Exception as error:  # transformers and safetensors raise many kinds
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise Unavailable(
            f"{policy_id} cannot be loaded from {path}: {reason}. "
            "Verify its files, or promote another policy."
        ) from error
    return policy


def _load_model(path: Path) -> Any:
    if not (path / "config.json").is_file():
        raise Unavailable("there is no config.json")
    disable_progress_bar()
    model, report = AutoModelForCausalLM.from_pretrained(
        path,
        dtype=torch.float32,
        attn_implementation=attention.NAME,
        local_files_only=True,
        output_loading_info=True,
    )
    if report["missing_keys"] or report["mismatched_keys"]:
        raise Unavailable("its weights do not fit its config.json")
    model.requires_grad_(False).eval()
    if torch.cuda.is_available():
        return model.to("cuda")
    pack(model)
    return model


def _load_tokenizer(path: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    if not tokenizer.chat_template:
        raise Unavailable("it has no chat template")
    return tokenizer


def _geometry(model: Any) -> Geometry:
    config = model.config
    heads = config.num_attention_heads
    return Geometry(
        layers=config.num_hidden_layers,
        heads=getattr(config, "num_key_value_heads", None) or heads,
        dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
        dtype=model.dtype,
        device=model.device,
    )


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a response."""
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(int(end) for end in [*ids, tokenizer.eos_token_id] if end is not None)


def _last(segments: Sequence[Segment], wanted: Sequence[Segment]) -> list[int]:
    """Where the last token of each wanted segment stands when all lie one after another."""
    ends: dict[int, int] = {}
    end = 0
    for segment in segments:
        end += len(segment.tokens)
        ends[id(segment)] = end - 1
    return [ends[id(segment)] for segment in wanted]
