"""The checkpoints that another trainer leaves: PEFT's LoRA adapters over one model."""

import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from tutelage.errors import Invalid, Unavailable
from tutelage.policies.adapter import Updates, adapter_of
from tutelage.policies.library import ADAPTER_CONFIG

# What PEFT can add to a low-rank update, each with the value that stands for its absence.
_ABSENT: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "use_rslora": (False, None),
    "use_dora": (False, None),
    "bias": ("none", None),
    "modules_to_save": (None, []),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
}


def checkpoints_in(folder: Path) -> list[Path]:
    """The folders that hold an adapter, in the order of the numbers in their names.

    Raises Invalid where there is none.
    """
    found = sorted((file.parent for file in folder.glob(f"*/{ADAPTER_CONFIG}")), key=_place)
    if not found:
        whole = any(folder.glob("*/*.safetensors"))
        more = " There are whole weights: have it train LoRA adapters." if whole else ""
        raise Invalid(
            f"The trainer left no checkpoint: no folder in {folder} has a file {ADAPTER_CONFIG}."
            + more
        )
    return found


def _place(checkpoint: Path) -> list[str | int]:
    parts = re.split(r"([0-9]+)", checkpoint.name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def read_checkpoint(checkpoint: Path, model: Path) -> Updates:
    """The low-rank updates of ``model``'s matrices, by name.

    Raises Invalid for a checkpoint that is damaged, over another model, or holds anything else.
    """
    config = _config(checkpoint)
    for name, absent in _ABSENT.items():
        if name in config and config[name] not in absent:
            raise _invalid(checkpoint, f"{name} {config[name]!r} is not supported")
    base = config.get("base_model_name_or_path")
    if not base or (checkpoint / str(base)).resolve() != model.resolve():
        raise _invalid(checkpoint, f"it was trained on {base!r}, and not on {model}")
    try:
        adapter = adapter_of(checkpoint)
    except (SafetensorError, OSError, KeyError, TypeError, ZeroDivisionError) as error:
        raise _invalid(checkpoint, f"it cannot be read ({error})") from error
    except Unavailable as error:
        raise _invalid(checkpoint, error.message) from error
    assert adapter
    if not all(bool(side.isfinite().all()) for each in adapter.updates.values() for side in each):
        raise _invalid(checkpoint, "it holds values that are not numbers")
    return adapter.updates


def _config(checkpoint: Path) -> dict[str, Any]:
    try:
        found = json.loads((checkpoint / ADAPTER_CONFIG).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _invalid(checkpoint, f"{ADAPTER_CONFIG} cannot be read ({error})") from error
    if not isinstance(found, dict):
        raise _invalid(checkpoint, f"{ADAPTER_CONFIG} is not an object")
    return found


def _invalid(checkpoint: Path, problem: str) -> Invalid:
    return Invalid(f"The trainer's {checkpoint.name} is unusable: {problem.rstrip('.')}.")
