"""Every network number by number against the authors' and other public implementations, in float64."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_rule import golden_clips, golden_tensor, largest_deviation, tensor
from torch import Tensor, nn

from videobench.models.classifier import Classifier
from videobench.models.video_resnet import video_resnet
from videobench.models.weights.carry import LAYOUTS, load_into

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
LOGIT_TOLERANCE = 1e-10  # of the rms logit; a wrong BatchNorm epsilon shows as 6e-3
SINGLE_PRECISION_TOLERANCE = 1e-4
STAGE_TOLERANCE = 1e-10  # of the stage's rms; the expected numbers have 12 decimals
FAST = {"c2_r2d_18_L8", "c2_r2plus1d_18", "c2_rmc3_18", "tv_r3d_18", "ig65m_r2plus1d_34_359"}
CASES = [
    pytest.param(case, id=case["case"], marks=[] if case["case"] in FAST else [pytest.mark.slow])
    for case in GOLDEN["cases"]
]


@pytest.mark.parametrize("case", CASES)
def test_logits_equal_the_reference_implementation(case: dict[str, Any]) -> None:
    """A network with the reference's weights gives its logits, forwards and on the reversed clip.

    In float32 too, where other kernels run, to float32's accuracy.
    """
    model = golden_model(case).eval()
    clips = torch.from_numpy(golden_clips(case["input_shape"])).double()
    stages = stage_outputs(model, case)
    with torch.no_grad():
        forwards = model(clips)
        seen = {"clip": dict(stages)}
        backwards = model(clips.flip(2))
        seen["time_reversed"] = dict(stages)
        single = model.float()(clips.float()).double()
    assert largest_deviation(forwards, case["logits"]) < LOGIT_TOLERANCE
    assert largest_deviation(backwards, case["time_reversed"]) < LOGIT_TOLERANCE
    assert (single - forwards).abs().max() < SINGLE_PRECISION_TOLERANCE * forwards.square().mean().sqrt()
    for name, expected in case["stages"].items():
        stage = seen[case["stages_of"]][name]
        assert list(stage.shape) == expected["shape"], name
        statistics = [stage.mean(), stage.square().mean().sqrt(), *stage.flatten()[:3]]
        difference = torch.stack(statistics) - tensor([expected["mean"], expected["rms"], *expected["first3"]])
        assert difference.abs().max() < STAGE_TOLERANCE * max(1, expected["rms"]), name


def test_training_step_equals_the_reference_implementation() -> None:
    """One forward and backward in training mode gives the reference's loss, gradients and statistics."""
    case = GOLDEN["train"]
    model = golden_model(case).train()
    logits = model(torch.from_numpy(golden_clips(case["input"])).double())
    loss = nn.functional.cross_entropy(logits, torch.tensor(case["targets"]))
    loss.backward()
    expected_logits = tensor(case["logits"])
    assert (logits - expected_logits).abs().max() < LOGIT_TOLERANCE * expected_logits.square().mean().sqrt()
    assert loss.item() == pytest.approx(case["loss"], rel=LOGIT_TOLERANCE)
    peer_names = names_in(case, model)
    gradients = {peer_names[name]: p.grad for name, p in model.named_parameters() if p.grad is not None}
    after = {peer_names[name]: buffer for name, buffer in model.named_buffers()}
    for name, expected in case["grad"].items():
        assert largest_deviation(gradients[name], expected) < LOGIT_TOLERANCE, name
    for name, expected in case["after"].items():
        assert largest_deviation(after[name], expected) < LOGIT_TOLERANCE, name
    all_gradients = torch.stack([gradient.square().sum() for gradient in gradients.values()]).sum().sqrt()
    assert all_gradients.item() == pytest.approx(case["grad_l2_all"], rel=LOGIT_TOLERANCE)


def golden_model(case: dict[str, Any]) -> Classifier:
    """The case's network in float64 with the weights that the rule gives for the reference's names."""
    shape = case.get("input_shape") or case["input"]
    with torch.device("meta"):  # the initial weights aren't wanted
        model = video_resnet(
            case["network"],
            num_classes=case["num_classes"],
            frames=shape[2],
            depth=case["depth"],
            flavour=case["flavour"],
        )
    model = model.to_empty(device="cpu").double()
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    tensors = {
        theirs: torch.from_numpy(golden_tensor(theirs, shapes[ours]))
        for ours, theirs in names_in(case, model).items()
        if not theirs.endswith("num_batches_tracked")
    }
    load_into(model, tensors)
    return model


def names_in(case: dict[str, Any], model: nn.Module) -> dict[str, str]:
    """Our names to the reference's."""
    if case.get("case", "").startswith("c2_"):
        head = [f"last_out_L{case['num_classes']}_{parameter}" for parameter in "wb"]
        return LAYOUTS["Caffe2"].names(model.state_dict(), head)
    return LAYOUTS["torchvision"].names(model.state_dict(), [])


def stage_outputs(model: Classifier, case: dict[str, Any]) -> dict[str, Tensor]:
    """A dictionary that the next forward pass fills with the outputs of the stages the case names."""
    groups = [getattr(model.backbone, f"group{number}") for number in (2, 3, 4, 5)]
    modules = {"stem": model.backbone.stem}
    modules |= {f"layer{index}": group for index, group in enumerate(groups, start=1)}
    blocks = [block for group in groups for block in group]
    modules |= {f"comp_{index}_sum_2": block for index, block in enumerate(blocks)}
    outputs: dict[str, Tensor] = {}
    for name in case["stages"]:
        modules[name].register_forward_hook(lambda _, __, output, name=name: outputs.update({name: output}))
    return outputs
