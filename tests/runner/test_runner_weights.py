"""Weights from elsewhere: what is checked, and when a classifier is carried over."""

from pathlib import Path

import pytest
import torch

from videobench.errors import WeightsError
from videobench.models.video_resnet import video_resnet
from videobench.models.weights.native import save_weights
from videobench.runner.weights import load_to_measure, load_to_start, read_weights
from videobench.runner.workspace import Workspace
from videobench.spec.units import WeightsFile

CARD = {"preprocessing": "p", "network": {}, "training": {}}


def network(num_classes: int = 3, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return video_resnet("R3D", num_classes=num_classes, frames=2, width=2)


def saved(folder: Path, *names: str) -> WeightsFile:
    path = save_weights(folder, network(len(names)), card={**CARD, "class_names": list(names)})
    return WeightsFile(file=str(path))


def head_is_kept(model: torch.nn.Module, tensors: object) -> bool:
    return all(
        torch.equal(value, tensors[name])  # type: ignore[index]
        for name, value in model.state_dict().items()
        if name.startswith("head.")
    )


def test_a_classifier_is_carried_over_for_the_same_classes_only(tmp_path: Path) -> None:
    """The same names in the same order keep it; other names, another order or number of classes replace it."""
    weights = read_weights(saved(tmp_path, "a", "b", "c"), Workspace(tmp_path))
    assert weights.class_names == ["a", "b", "c"]
    for classes, kept in ((["a", "b", "c"], True), (["b", "a", "c"], False), (["x", "y", "z"], False)):
        model = network(seed=1)
        report = load_to_start(model, weights, classes)  # type: ignore[arg-type]
        assert head_is_kept(model, weights.tensors) == kept
        assert bool(report.replaced) != kept
    wider = network(5, seed=1)
    assert load_to_start(wider, weights, list("abcde")).replaced  # type: ignore[arg-type]


def test_a_file_without_a_card_is_judged_by_its_shapes(tmp_path: Path) -> None:
    """A plain state dict names no classes: as many keep the classifier, another number replaces it."""
    path = tmp_path / "plain.pth"
    torch.save(network().state_dict(), path)
    weights = read_weights(WeightsFile(file=str(path)), Workspace(tmp_path))
    assert weights.class_names is None
    assert not load_to_start(network(seed=1), weights, list("xyz")).replaced  # type: ignore[arg-type]
    assert load_to_start(network(4, seed=1), weights, list("wxyz")).replaced  # type: ignore[arg-type]


def test_measuring_needs_the_same_classes(tmp_path: Path) -> None:
    """Weights for other classes are refused with the first differences, even when their number agrees."""
    weights = read_weights(saved(tmp_path, "a", "b", "c"), Workspace(tmp_path))
    load_to_measure(network(), weights, ["a", "b", "c"], data="here")  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=r"for 3 classes, here has 3; they differ in b / c, c / b(.|\n)*fine-tune"):
        load_to_measure(network(), weights, ["a", "c", "b"], data="here")  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match="has 2; they differ in their number"):
        load_to_measure(network(2), weights, ["a", "b"], data="here")  # type: ignore[arg-type]


def test_a_file_is_the_one_that_was_meant(tmp_path: Path) -> None:
    """A missing file and one of another sha256 than stated are refused."""
    meant = saved(tmp_path, "a", "b")
    with pytest.raises(WeightsError, match=r"its sha256 is [0-9a-f]{64}, the experiment states 0{64}"):
        read_weights(WeightsFile(file=meant.file, sha256="0" * 64), Workspace(tmp_path))
    with pytest.raises(WeightsError, match="no such weights file"):
        read_weights(WeightsFile(file=str(tmp_path / "nothing.pth")), Workspace(tmp_path))


def test_another_network_is_named_by_what_does_not_fit(tmp_path: Path) -> None:
    """To start from another network's weights is an error about the network, not about the classifier."""
    weights = read_weights(saved(tmp_path, "a", "b", "c"), Workspace(tmp_path))
    other = video_resnet("R3D", num_classes=3, frames=2, width=4)
    with pytest.raises(WeightsError, match="of another shape: backbone"):
        load_to_start(other, weights, ["a", "b", "c"])
