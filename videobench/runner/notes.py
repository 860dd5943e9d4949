"""What the history of weights says about how far a number measured with them can be believed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from videobench.errors import WeightsError
from videobench.spec.history import FORCE_HINT, Stage, leak, stages
from videobench.spec.units import Evaluation, SelectBest, Training, WeightsFile

Card = Mapping[str, Any] | None
"""What stands beside weights; None where nothing does."""


def refuse_seen_videos(evaluation: Evaluation, card: Card) -> None:
    """Raise WeightsError when the weights may have been trained on the videos to be measured, unless it is allowed."""
    found = leak(evaluation, _history(evaluation, card))
    if found and not evaluation.allow_seen_videos:
        raise WeightsError(found, where=_file(evaluation), hint=FORCE_HINT)


def notes_of(evaluation: Evaluation, card: Card, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the sentences that belong beside every number of ``evaluation``; ``classes`` are the data set's."""
    history = list(_history(evaluation, card))
    notes = [*_on_choices(evaluation, history), *_on_plateaus(evaluation, history)]
    momentum = history[0].recipe.batch_norm_momentum if history else None
    if momentum is not None and momentum > 0.5:
        notes.append(f"BatchNorm's running statistics are mostly those of one micro-batch (momentum {momentum:g})")
    if any(stage.is_on(evaluation.data, evaluation.subset) for stage in history):
        notes.append("measured on its own training videos")
    if seen := leak(evaluation, history):
        notes.append(f"{seen}; forced")
    if card is not None and card["class_names"] != list(classes):
        notes.append("the weights have the classes in another order: matched by name")
    return tuple(notes)


def notes_on_copies(measured: str | None, card: Card) -> Iterator[str]:
    """Yield which videos had lost quality (``VideoSet.copies``): the measured ones, or those trained on."""
    trained = card.get("copies") if card else None
    if measured and measured == trained:
        yield f"trained and measured on {measured}"
        return
    for what, copies in (("trained", trained), ("measured", measured)):
        if copies:
            yield f"{what} on {copies}"


def _on_choices(evaluation: Evaluation, history: Sequence[Stage]) -> Iterator[str]:
    """Yield how the epoch of the weights was chosen; of a network they started from, only if on the measured videos."""
    for number, stage in enumerate(history):
        choice = stage.select
        if not isinstance(choice, SelectBest):
            continue
        whose = "the epoch" if number == 0 else "the epoch of the network it started from"
        if stage.is_chosen_on(evaluation.data, evaluation.subset):
            yield f"{whose} was chosen by {choice.metric} on the {choice.subset} videos themselves: optimistic"
        elif number == 0:
            yield f"{whose} was chosen by {choice.metric} on the {choice.subset} videos of {stage.data.name}"


def _on_plateaus(evaluation: Evaluation, history: Sequence[Stage]) -> Iterator[str]:
    """Yield what the learning rate followed; of a network they started from, only if it was the measured videos."""
    for number, stage in enumerate(history):
        if stage.plateau is None:
            continue
        whose = "the learning rate" if number == 0 else "the learning rate of the network it started from"
        followed = f"{whose} followed the loss on the {stage.plateau.subset} videos"
        if stage.is_steered_on(evaluation.data, evaluation.subset):
            yield f"{followed} themselves: optimistic"
        elif number == 0:
            yield f"{followed} of {stage.data.name}"


def _history(evaluation: Evaluation, card: Card) -> Iterator[Stage]:
    """Yield the trainings behind the weights, the last one first, as far as they are known."""
    if card is None:
        if isinstance(evaluation.weights, Training):
            yield from stages(evaluation.weights)
        return
    try:
        while card:
            yield from stages(card.get("training") or {})
            card = card.get("started_from")
    except ValidationError as error:
        raise WeightsError(
            f"its card describes a training that this version of videobench doesn't know: {error.errors()[0]['msg']}",
            where=_file(evaluation),
        ) from error


def _file(evaluation: Evaluation) -> str | None:
    return evaluation.weights.file if isinstance(evaluation.weights, WeightsFile) else None
