"""Carrying weights into a network by name, strictly: every tensor of both sides is accounted for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from videobench.errors import WeightsError
from videobench.models.weights.adapt import Operation, adapted_tensors, operations_for
from videobench.models.weights.identify import describe, guess
from videobench.models.weights.layouts import LAYOUTS
from videobench.models.weights.others import other_network

CLASSIFIER = "head.linear."
NUM_NAMED_IN_ERROR = 8  # of each kind of misfit


@dataclass(frozen=True)
class CarryReport:
    """What became of every tensor. Names are the network's own, but the file's in `extra` and `unused`."""

    layout: str
    matched: tuple[str, ...]
    missing: tuple[str, ...]  # in the network, not in the file: "name (the file's names of it)"
    extra: tuple[str, ...]  # in the file, not in the network
    misshapen: tuple[str, ...]  # in both, with different shapes: "name: file [..], network [..]"
    invalid: tuple[str, ...]  # of the right shape, but no floating point numbers, or not finite: "name: int8"
    differing: tuple[str, ...]  # in the file under several names, with different values
    adapted: tuple[str, ...]  # matched after an operation that was asked for: "name: flow_stem"
    reshaped: tuple[str, ...]  # matched, but for axes of length 1: "name: file [..], network [..]"
    replaced: tuple[str, ...]  # the head's and a reduction's, which keep the values they had
    unused: tuple[str, ...]  # in the file beside the network's own, left aside

    @property
    def fits(self) -> bool:
        """Whether nothing is missing, left over, of another shape, not a number or contradictory."""
        return not (self.missing or self.extra or self.misshapen or self.invalid or self.differing)

    @property
    def summary(self) -> str:
        """What was done, in one line: "620 tensors fit, 1 of them adapted; 2 start anew"."""
        changed = [f"{len(names)} of them {kind}" for kind, names in self._changed.items() if names]
        left = f"; {len(self.unused)} of the file unused" if self.unused else ""
        kept = f"; {len(self.replaced)} start anew" if self.replaced else ""
        return f"{', '.join([f'{len(self.matched)} tensors fit', *changed])}{kept}{left}"

    @property
    def _changed(self) -> dict[str, tuple[str, ...]]:
        return {"adapted": self.adapted, "reshaped": self.reshaped}

    def as_dict(self) -> dict[str, Any]:
        """How many tensors fit, and which were anything but carried over as they were."""
        named = {"replaced": self.replaced, "unused": self.unused, **self._changed}
        return {"names": self.layout, "matched": len(self.matched)} | {kind: list(all_) for kind, all_ in named.items()}


def load_into(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    replace_head: bool = False,
    adapt: Sequence[Operation] = (),
    where: str | None = None,
) -> CarryReport:
    """Copy a file's tensors into a model that they fit exactly, and say what happened to each.

    `replace_head` leaves the file's classifier aside and the model's as it is, for another set of classes; the
    pooling before it is taken over from a file that has it, else it stays as it is, too, and so do blocks that
    reduce the backbone's features (its `reduced_by`) when the file is of the network without them. `adapt` names
    operations that make tensors fit which don't; one that no tensor has a use for is an error. Counters of batches
    (num_batches_tracked) may be absent. `where` names the file in the error; the model is untouched when anything
    doesn't fit.
    """
    ours = model.state_dict()
    layout = recognise(ours, tensors, where=where)
    names = placed(ours, tensors, layout)
    reduced_by = getattr(getattr(model, "backbone", None), "reduced_by", ())
    tensors, adapted = adapted_tensors(ours, tensors, names, adapt, where=where)
    report = compare(ours, tensors, names, layout=layout, replace_head=replace_head, reduced_by=reduced_by)
    report = replace(report, adapted=adapted)
    if not report.fits:
        hint = mistaken(ours, tensors, names, other_classes=replace_head)
        is_other = report.missing or report.extra or other_network(tensors)
        if not is_other and (operations := useful_operations(ours, tensors, names)):
            hint = " ".join(filter(None, [hint, f"An operation makes it fit: adapt: [{' or '.join(operations)}]."]))
        raise misfit(report, where=where, hint=hint)
    with torch.no_grad():
        for name in report.matched:
            ours[name].copy_(tensors[names[name][0]].reshape(ours[name].shape))
    return report


def compare(
    ours: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    names: Mapping[str, tuple[str, ...]],
    *,
    layout: str,
    replace_head: bool = False,
    reduced_by: Sequence[str] = (),
) -> CarryReport:
    """What `load_into` would do with every tensor; `names` as of `placed`."""
    found: dict[str, list[str]] = {field.name: [] for field in fields(CarryReport) if field.name != "layout"}
    kept: set[str] = set()
    if replace_head:
        kept = kept_in_head(ours, tensors, names) | kept_in_reduction(ours, tensors, names, reduced_by=reduced_by)
    for name, own in ours.items():
        theirs = names.get(name, ())
        if name in kept:
            found["replaced"].append(name)
        elif not theirs or not all(each in tensors for each in theirs):
            if not name.endswith(".num_batches_tracked"):
                found["missing"].append(called(name, [each for each in theirs if each not in tensors]))
        elif other := next((each for each in theirs[1:] if not same(tensors[theirs[0]], tensors[each])), None):
            found["differing"].append(called(name, [theirs[0], other]))
        else:
            shape, due = tensors[theirs[0]].shape, own.shape
            shapes = f"{called(name, theirs)}: file {list(shape)}, network {list(due)}"
            if without_ones(shape) != without_ones(due):
                found["misshapen"].append(shapes)
                continue
            if fault := fault_in(tensors[theirs[0]], own):
                found["invalid"].append(f"{called(name, theirs)}: {fault}")
                continue
            found["matched"].append(name)
            if shape != due:
                found["reshaped"].append(shapes)
    expected = {each for theirs in names.values() for each in theirs}
    for name in tensors:
        if name in expected or (replace_head and LAYOUTS[layout].is_head(name)):
            continue
        found["unused" if LAYOUTS[layout].is_unused(name) else "extra"].append(name)
    return CarryReport(layout=layout, **{kind: tuple(names) for kind, names in found.items()})


def kept_in_head(ours: Iterable[str], tensors: Iterable[str], names: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Our tensors of a head to be replaced: all where the file has but a classifier, else the classifier's."""
    tensors = set(tensors)
    head = {name for name in ours if name.startswith("head.")}
    classifier = {name for name in head if name.startswith(CLASSIFIER)}
    has_more = any(tensors.intersection(names.get(name, ())) for name in head - classifier)
    return classifier if has_more else head


def kept_in_reduction(
    ours: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    names: Mapping[str, tuple[str, ...]],
    *,
    reduced_by: Sequence[str],
) -> set[str]:
    """Our tensors of the backbone's blocks `reduced_by` of which the file has no convolution: it is of the network
    without them.
    """

    def fits(name: str) -> bool:
        shapes = [tensors[theirs].shape for theirs in names.get(name, ()) if theirs in tensors]
        return any(without_ones(shape) == without_ones(ours[name].shape) for shape in shapes)

    kept: set[str] = set()
    for block in reduced_by:
        inside = {name for name in ours if name.startswith(f"backbone.{block}.")}
        if not any(fits(name) for name in inside if ours[name].ndim > 1):
            kept |= inside
    return kept


def placed(ours: Iterable[str], tensors: Iterable[str], layout: str) -> dict[str, tuple[str, ...]]:
    """Our name to the file's, one or several, under a layout."""
    names = LAYOUTS[layout].names(ours, tensors)
    return {name: (theirs,) if isinstance(theirs, str) else theirs for name, theirs in names.items()}


def called(name: str, theirs: Sequence[str]) -> str:
    """Our name of a tensor, with the file's where it has others."""
    others = [each for each in theirs if each != name]
    return f"{name} ({', '.join(others)})" if others else name


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same values; those without any (of the meta device) if their shapes agree."""
    if one.is_meta or other.is_meta:
        return one.shape == other.shape
    return torch.equal(one, other)


def fault_in(theirs: Tensor, own: Tensor) -> str | None:
    """Why a tensor's values can't be a network's: quantised ones need a scale, and no NaN was ever trained."""
    if own.is_floating_point() and not theirs.is_floating_point():
        return str(theirs.dtype).removeprefix("torch.")
    if theirs.is_meta or not theirs.is_floating_point() or bool(theirs.float().isfinite().all()):
        return None
    return "NaN or infinite"


def useful_operations(
    ours: Mapping[str, Tensor], tensors: Mapping[str, Tensor], names: Mapping[str, tuple[str, ...]]
) -> tuple[Operation, ...]:
    """The operations that would help a tensor of another shape; `names` as of `placed`."""
    pairs = ((name, tensors[each], ours[name]) for name, theirs in names.items() for each in theirs if each in tensors)
    return operations_for(pair for pair in pairs if without_ones(pair[1].shape) != without_ones(pair[2].shape))


def without_ones(shape: Iterable[int]) -> list[int]:
    return [length for length in shape if length != 1]


def recognise(ours: Iterable[str], tensors: Mapping[str, Tensor], *, where: str | None = None) -> str:
    """The layout under which most of the file's tensors have a place in the network."""
    ours, theirs = list(ours), set(tensors)

    def num_placed(layout: str) -> int:
        return len(theirs & {each for names in placed(ours, theirs, layout).values() for each in names})

    best = max(LAYOUTS, key=num_placed)
    if num_placed(best) == 0:
        begins = f"no tensor in it has a name of this network; it begins with {listing(sorted(theirs), limit=3)}"
        raise WeightsError(begins, where=where, hint=mistaken({}, tensors, {}) or f"Known names: {', '.join(LAYOUTS)}.")
    return best


def mistaken(
    ours: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    names: Mapping[str, tuple[str, ...]],
    *,
    other_classes: bool = False,
) -> str | None:
    """What the file is instead, in a sentence, where that can be told; `names` as of `placed`.

    With `other_classes`, their number makes no difference.
    """
    if other := other_network(tensors):
        return f"This is {other}."
    found = guess(tensors)
    # Names that only some of our tensors have tell of another network than ours.
    own = [name for name in ours if name.startswith("backbone.") and not name.endswith(".num_batches_tracked")]
    is_ours = all(name in names for name in own)
    wanted = guess({theirs[0]: ours[name] for name, theirs in names.items()}) if is_ours else None
    if found is None or found == wanted:
        return None
    if other_classes and wanted and replace(found, num_classes=wanted.num_classes) == wanted:
        return None
    return f"The file is of {describe(found)}" + (f"; the network is {describe(wanted)}." if wanted else ".")


def misfit(report: CarryReport, *, where: str | None, hint: str | None = None) -> WeightsError:
    """The error that names all that doesn't fit; `hint` says what the file is instead, or what helps."""
    kinds = {
        "missing from the file": report.missing,
        "not in the network": report.extra,
        "of another shape": report.misshapen,
        "of no proper values": report.invalid,
        "stored under several names with different values": report.differing,
    }
    lines = [f"  {len(names)} {kind}: {listing(names)}" for kind, names in kinds.items() if names]
    misfits = (*report.missing, *report.misshapen)
    if misfits and not report.extra and all(name.startswith(CLASSIFIER) for name in misfits):
        hint = "Only the classifier differs: videobench finetune EXPERIMENT --from FILE trains it anew."
    elif report.invalid:
        hint = "The file is damaged, quantised, or of a training that diverged."
    hint = hint or "Is it the same network, depth, width, clip length (R2D) and flavour?"
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
