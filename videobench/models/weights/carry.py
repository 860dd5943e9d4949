"""Carrying weights into a network by name, strictly: every tensor of both sides is accounted for.

A layout is a way of naming the tensors of a network; which one a file has is seen from its names alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videobench.errors import WeightsError
from videobench.models.weights import caffe2, torchvision

NUM_NAMED_IN_ERROR = 8  # of each kind of misfit


@dataclass(frozen=True)
class Layout:
    """`names` maps our names to the file's, given both; `is_head` tells the file's classifier tensors."""

    names: Callable[[Iterable[str], Iterable[str]], dict[str, str]]
    is_head: Callable[[str], bool]


LAYOUTS: dict[str, Layout] = {
    "videobench": Layout(
        names=lambda ours, _: {name: name for name in ours}, is_head=lambda name: name.startswith("head.")
    ),
    "torchvision": Layout(names=lambda ours, _: torchvision.torchvision_names(ours), is_head=torchvision.is_head),
    "Caffe2": Layout(names=caffe2.blob_names, is_head=caffe2.is_head),
}


@dataclass(frozen=True)
class CarryReport:
    """What became of every tensor. Names are the network's own, but the file's in `extra`."""

    layout: str
    matched: tuple[str, ...]
    missing: tuple[str, ...]  # in the network, not in the file
    extra: tuple[str, ...]  # in the file, not in the network
    reshaped: tuple[str, ...]  # in both, with different shapes: "name: file [..], network [..]"
    replaced: tuple[str, ...]  # the head's, which keep the values they had

    @property
    def fits(self) -> bool:
        """Whether nothing is missing, left over or of another shape."""
        return not (self.missing or self.extra or self.reshaped)


def load_into(
    model: nn.Module, tensors: Mapping[str, Tensor], *, replace_head: bool = False, where: str | None = None
) -> CarryReport:
    """Copy a file's tensors into a model that they fit exactly, and say what happened to each.

    `replace_head` leaves the file's classifier aside and the model's as it is, for another set of classes.
    Counters of batches (num_batches_tracked) may be absent. `where` names the file in the error; the model
    is untouched when anything doesn't fit.
    """
    ours = model.state_dict()
    layout_name = recognise(ours, tensors, where=where)
    layout = LAYOUTS[layout_name]
    names = layout.names(ours, tensors)
    matched, missing, reshaped, replaced = [], [], [], []
    for name, own in ours.items():
        theirs = names.get(name)
        if replace_head and name.startswith("head."):
            replaced.append(name)
        elif theirs is None or theirs not in tensors:
            if not name.endswith(".num_batches_tracked"):
                missing.append(name)
        elif tensors[theirs].shape != own.shape:
            reshaped.append(f"{name}: file {list(tensors[theirs].shape)}, network {list(own.shape)}")
        else:
            matched.append(name)
    expected = set(names.values())
    extra = [name for name in tensors if name not in expected and not (replace_head and layout.is_head(name))]
    report = CarryReport(
        layout=layout_name,
        matched=tuple(matched),
        missing=tuple(missing),
        extra=tuple(extra),
        reshaped=tuple(reshaped),
        replaced=tuple(replaced),
    )
    if not report.fits:
        raise misfit(report, where=where)
    with torch.no_grad():
        for name in matched:
            ours[name].copy_(tensors[names[name]])
    return report


def recognise(ours: Iterable[str], tensors: Iterable[str], *, where: str | None = None) -> str:
    """The layout under which most of the file's tensors have a place in the network."""
    ours, theirs = list(ours), set(tensors)
    num_placed = {name: len(theirs & set(layout.names(ours, theirs).values())) for name, layout in LAYOUTS.items()}
    best = max(num_placed, key=lambda name: num_placed[name])
    if num_placed[best] == 0:
        raise WeightsError(
            f"no tensor in it has a name known here; it begins with {listing(sorted(theirs), limit=3)}",
            where=where,
            hint=f"Known names: {', '.join(LAYOUTS)}.",
        )
    return best


def misfit(report: CarryReport, *, where: str | None) -> WeightsError:
    """The error that names all that doesn't fit."""
    kinds = {
        "missing from the file": report.missing,
        "not in the network": report.extra,
        "of another shape": report.reshaped,
    }
    lines = [f"  {len(names)} {kind}: {listing(names)}" for kind, names in kinds.items() if names]
    only_head = all("head." in name for name in (*report.missing, *report.reshaped)) and not report.extra
    hint = "Is it the same network, depth, width, clip length (R2D) and flavour?"
    if only_head:
        hint = "Only the classifier differs: replace the head to train it anew for other classes."
    return WeightsError(
        "\n".join([f"the weights ({report.layout} names, {len(report.matched)} tensors fit) don't fit:", *lines]),
        where=where,
        hint=hint,
    )


def listing(names: Iterable[str], *, limit: int = NUM_NAMED_IN_ERROR) -> str:
    """The first few names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
