"""Making a file's tensors fit a network that they were not made for: four operations, done only when asked for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from torch import Tensor

from videobench.errors import WeightsError
from videobench.models.heads.bert import resized_positions

Operation = Literal["flow_stem", "flow_stem_x1.5", "inflate", "positions"]
RGB, FLOW = 3, 2  # channels


def flow_stem(name: str, theirs: Tensor, own: Tensor, *, factor: float = 1.0) -> Tensor | None:
    """A first convolution on RGB [D, 3, T, H, W] for flow [D, 2, T, H, W]: the mean over the colours, twice."""
    is_first = ".stem" in name and theirs.dim() == own.dim() == 5 and (theirs.shape[1], own.shape[1]) == (RGB, FLOW)
    return factor * theirs.mean(dim=1, keepdim=True).repeat(1, FLOW, 1, 1, 1) if is_first else None


def inflate(_: str, theirs: Tensor, own: Tensor) -> Tensor | None:
    """A convolution of images [D, C, H, W] in T frames: the same at each, divided by T, so that still videos give
    what the image gave.
    """
    if theirs.dim() != 4 or own.dim() != 5:
        return None
    frames = own.shape[2]
    return theirs[:, :, None].repeat(1, 1, frames, 1, 1) / frames  # [D, C, T, H, W]


def positions(name: str, theirs: Tensor, own: Tensor) -> Tensor | None:
    """BERT's position table [1, 1 + T, D], of the class token and T time steps, for another number of steps."""
    if not name.endswith(".positions") or theirs.shape == own.shape:
        return None
    return resized_positions(theirs, steps=own.shape[1] - 1, class_token=True)


OPERATIONS: dict[Operation, Callable[[str, Tensor, Tensor], Tensor | None]] = {
    "flow_stem": flow_stem,
    "flow_stem_x1.5": lambda name, theirs, own: flow_stem(name, theirs, own, factor=1.5),
    "inflate": inflate,
    "positions": positions,
}


def adapted_tensors(
    ours: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    names: Mapping[str, tuple[str, ...]],
    operations: Sequence[Operation],
    *,
    where: str | None,
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """A file's tensors after `operations`, and which of ours each changed; `names` are our names to the file's.

    WeightsError for an operation that no tensor has a use for: what was meant to happen didn't.
    """
    changed, reports = dict(tensors), []
    for operation in operations:
        used = False
        for name, own in ours.items():
            for theirs in names.get(name, ()):
                new = OPERATIONS[operation](name, changed[theirs], own) if theirs in changed else None
                if new is not None:
                    changed[theirs], used = new, True
                    reports.append(f"{name}: {operation}")
        if not used:
            raise WeightsError(f"no tensor of it has a use for {operation}", where=where, hint=HINT)
    return changed, tuple(dict.fromkeys(reports))


def operations_for(misfits: Iterable[tuple[str, Tensor, Tensor]]) -> tuple[Operation, ...]:
    """The operations that give one of the file's tensors our shape; misfits are (our name, the file's tensor, ours)."""
    tried = [
        (operation, OPERATIONS[operation](name, theirs, own), own)
        for name, theirs, own in misfits
        for operation in OPERATIONS
    ]
    useful = (operation for operation, new, own in tried if new is not None and new.shape == own.shape)
    return tuple(dict.fromkeys(useful))


HINT = "adapt names what is to be done to a file's tensors: leave out what they don't need."
