"""videobench's own weights: weights.safetensors, and weights.json that says what they are.

The card names the classes in the order of the logits, the preprocessing and the network, so that weights
can't be used with the wrong ones unnoticed; its sha256 ties it to the tensors.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from videobench.atomic import replacing
from videobench.errors import WeightsError
from videobench.models.weights.files import file_sha256, read_tensors

WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "weights.json"
CARD_FIELDS = ("class_names", "preprocessing", "network")
PAIR = f"Weights are two files side by side: {WEIGHTS_FILE} and {CARD_FILE}."


def save_weights(folder: Path, weights: nn.Module | Mapping[str, Tensor], *, card: Mapping[str, Any]) -> Path:
    """Write a model's weights and card into `folder` and return the path of the tensors.

    `card` must have CARD_FIELDS and be JSON; sha256 is added. Each file appears whole or not at all, the card
    last: an interrupted save leaves a pair that `load_weights` refuses, never a wrong one that it accepts.
    """
    lacking = [field for field in CARD_FIELDS if field not in card]
    if lacking:
        raise WeightsError(f"the card of these weights lacks {', '.join(lacking)}", where=str(folder))
    state = weights.state_dict() if isinstance(weights, nn.Module) else weights
    # Copies: safetensors takes neither two names for one memory nor any layout but the plain one.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS_FILE
    write_atomically(path, save(tensors))
    full_card = {**card, "sha256": file_sha256(path)}
    text = json.dumps(full_card, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / CARD_FILE, text.encode())
    return path


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the card of a folder that `save_weights` wrote, or of the .safetensors file in it."""
    weights_path = path / WEIGHTS_FILE if path.is_dir() else path
    card_path = weights_path.with_suffix(".json")
    for required in (weights_path, card_path):
        if not required.is_file():
            raise WeightsError("there is no such file", where=str(required), hint=PAIR)
    card = read_card(card_path)
    found = file_sha256(weights_path)
    if card["sha256"] != found:
        raise WeightsError(
            f"its sha256 is {found}, its card says {card['sha256']}",
            where=str(weights_path),
            hint="The file is damaged, or the card belongs to other weights: copy both again.",
        )
    return read_tensors(weights_path), card


def read_card(path: Path) -> dict[str, Any]:
    """The card, with all of CARD_FIELDS and sha256."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"the card isn't JSON: {error}", where=str(path)) from error
    fields = (*CARD_FIELDS, "sha256")
    lacking = [field for field in fields if not isinstance(card, dict) or field not in card]
    if lacking:
        raise WeightsError(f"the card lacks {', '.join(lacking)}", where=str(path))
    return dict(card)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a reader sees the old or the new one."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
