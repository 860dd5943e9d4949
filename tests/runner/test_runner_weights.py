"""Weights from elsewhere: what is checked, and when a classifier is carried over."""

from pathlib import Path

import pytest
import torch

from videobench.errors import WeightsError
from videobench.models.classifier import Classifier
from videobench.models.video_resnet import video_resnet
from videobench.models.weights.native import save_weights
from videobench.runner.weights import load_to_measure, load_to_start, read_weights
from videobench.runner.workspace import Workspace
from videobench.spec.units import WeightsFile

CARD = {"preprocessing": "p", "network": {}, "training": {}}


def network(num_classes: int = 3, seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    return video_resnet("R3D", num_classes=num_classes, frames=2, width=2)


def saved(folder: Path, *names: str) -> WeightsFile:
    path = save_weights(folder, network(len(names)), card={**CARD, "class_names": list(names)})
    return WeightsFile(file=str(path))


def logits(model: Classifier) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(torch.linspace(-1, 1, 3 * 2 * 8 * 8).reshape(1, 3, 2, 8, 8))[0]  # [K]


def test_a_classifier_is_carried_over_for_the_same_classes_only(tmp_path: Path) -> None:
    """The same names keep it, in whatever order they stand; other names or another number of classes replace it."""
    weights = read_weights(saved(tmp_path, "a", "b", "c"), Workspace(tmp_path))
    assert weights.class_names == ["a", "b", "c"]
    trained = logits(network())
    for classes, order in ((["a", "b", "c"], [0, 1, 2]), (["c", "a", "b"], [2, 0, 1])):
        model = network(seed=1)
        assert not load_to_start(model, weights, classes).replaced
        assert torch.equal(logits(model), trained[order])
    other = network(seed=1)
    assert load_to_start(other, weights, ["x", "y", "z"]).replaced
    assert torch.equal(other.head.get_submodule("linear").weight, network(seed=1).head.get_submodule("linear").weight)
    assert load_to_start(network(5, seed=1), weights, list("abcde")).replaced


def test_a_file_without_a_card_is_judged_by_its_shapes(tmp_path: Path) -> None:
    """A plain state dict names no classes: as many keep the classifier, another number replaces it."""
    path = tmp_path / "plain.pth"
    torch.save(network().state_dict(), path)
    weights = read_weights(WeightsFile(file=str(path)), Workspace(tmp_path))
    assert weights.class_names is None
    assert not load_to_start(network(seed=1), weights, list("xyz")).replaced
    assert load_to_start(network(4, seed=1), weights, list("wxyz")).replaced


def test_classes_are_matched_by_name_to_measure(tmp_path: Path) -> None:
    """UCF101's folders sorted by ASCII and its official order are the same classes: each keeps its logit."""
    official = ["Hammering", "HammerThrow", "JumpingJack", "JumpRope"]
    weights = read_weights(saved(tmp_path, *sorted(official)), Workspace(tmp_path))
    model = network(4, seed=1)
    load_to_measure(model, weights, official, data="ucf101")
    expected = dict(zip(sorted(official), logits(network(4)).tolist(), strict=True))
    assert dict(zip(official, logits(model).tolist(), strict=True)) == expected


def test_other_classes_are_refused_to_measure(tmp_path: Path) -> None:
    """Weights for other classes are refused, with those that either side lacks, even when their number agrees."""
    weights = read_weights(saved(tmp_path, "a", "b", "c"), Workspace(tmp_path))
    with pytest.raises(WeightsError) as caught:
        load_to_measure(network(), weights, ["a", "x", "y"], data="here")
    assert caught.value.what == (
        "the network was trained for 3 classes, here has 3; here lacks b, c; the network lacks x, y"
    )
    assert "fine-tune it for these classes" in str(caught.value)
    with pytest.raises(WeightsError, match="trained for 3 classes, here has 2; here lacks c"):
        load_to_measure(network(2), weights, ["b", "a"], data="here")
    many = [f"class{number}" for number in range(400)]
    with pytest.raises(WeightsError, match=r"the network lacks class0, class1, .* and 392 more"):
        load_to_measure(network(400), weights, many, data="here")


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
