"""Protocols as values: what goes together, how many views there are, how they are said in words."""

from pathlib import Path
from typing import get_args

import pytest
from experiment_files import MINIMAL, load, mistakes

from videobench.evaluation import views
from videobench.published.paper import load_paper
from videobench.spec.base import digest
from videobench.spec.protocol import PRESETS, Crop, Protocol, preset

DIGESTS = {
    "clip": "28b66b73527fc910",
    "video_10": "08b38956f67746a5",
    "video_20": "d8e753c61101a996",
    "video_100": "9b8a4f7268908bef",
    "ten_crop": "0f222fc4d8d5ac52",
    "dense": "a56ddbefcac606bd",
    "three_crop": "cf1e2447da1aa616",
    "three_crop_mmaction2": "f868fc589d3f13dd",
}


def test_a_name_always_means_the_same_protocol() -> None:
    """Results that were measured by a named protocol stay results of it."""
    assert {name: digest(preset(name)) for name in PRESETS} == DIGESTS
    assert preset("clip") == Protocol()


@pytest.mark.parametrize(
    ("paper", "table", "name"),
    [
        ("closer_look", "table2", "video_10"),
        ("closer_look", "table4", "video_100"),
        ("closer_look", "table5", "dense"),
        ("late_temporal", "table1", "ten_crop"),
        ("late_temporal", "table7", "ten_crop"),
    ],
)
def test_a_name_is_the_protocol_of_its_published_table(paper: str, table: str, name: str) -> None:
    """A table measured by the protocol that its paper used has nothing to say about protocols that differ."""
    expected = load_paper(paper).table(table).protocol
    fields = {f"protocol.{field}": value for field, value in preset(name)}
    stated = {field: value for field, value in expected.items() if field.startswith("protocol.")}
    assert stated
    assert {field: fields[field] for field in stated} == stated


def test_the_vocabulary_is_that_of_the_views() -> None:
    """Every word for a grid and a crop is one that views can be made of, and the other way round."""
    assert get_args(Protocol.model_fields["grid"].annotation) == get_args(views.Grid)
    assert set(get_args(Crop)) == set(views.CROPS)


@pytest.mark.parametrize(
    ("fields", "num_views", "description"),
    [
        ({}, 1, "1 clip on the authors' grid, centre crop, mean of softmax: 1 view"),
        ({"clips": 10}, 10, "10 clips on the authors' grid, centre crop, mean of softmax: 10 views"),
        (
            {"clips": 5, "grid": "centres", "crops": ("left", "right"), "flip": True, "average": "logit_mean"},
            20,
            "5 clips at the centres of equal parts, left and right crops, plain and mirrored, mean of logits: 20 views",
        ),
        (
            {"clips": 10, "grid": "pyslowfast", "crops": ("left", "centre", "right")},
            30,
            "10 clips on PySlowFast's grid, left, centre and right crops, mean of softmax: 30 views",
        ),
        (
            {"clips": 2, "grid": "mmaction2", "crops": ("top_left",)},
            2,
            "2 clips on MMAction2's grid, top left crop, mean of softmax: 2 views",
        ),
        (
            {"clips": "all", "grid": "consecutive", "flip": True},
            None,
            "consecutive clips, centre crop, plain and mirrored, mean of softmax: 2 views a clip",
        ),
        (
            {"clips": "all", "grid": "steps", "step": 8},
            None,
            "a clip every 8 frames, centre crop, mean of softmax: 1 view a clip",
        ),
        (
            {"clips": "all", "grid": "steps", "step": 1},
            None,
            "a clip every frame, centre crop, mean of softmax: 1 view a clip",
        ),
    ],
)
def test_a_protocol_in_words(fields: dict[str, object], num_views: int | None, description: str) -> None:
    """The description follows from the fields; how many views there are is open where it depends on the video."""
    protocol = Protocol.model_validate(fields)
    assert protocol.num_views == num_views
    assert protocol.description == description


def test_every_field_shows_in_the_description() -> None:
    """No two named protocols, and no two that differ in one field, are described in the same words."""
    changes: list[dict[str, object]] = [
        {"clips": 9}, {"grid": "centres"}, {"crops": ("left",)}, {"flip": True}, {"average": "logit_mean"},
    ]  # fmt: skip
    described = [preset(name).description for name in PRESETS]
    described += [Protocol.model_validate({"clips": 10, **change}).description for change in changes]
    described.append(preset("dense").model_copy(update={"step": 9}).description)
    assert len(set(described)) == len(described)


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("{clips: 10, grid: consecutive}", "grid consecutive takes all clips that fit: write clips: all, not 10"),
        ("{clips: 1, grid: steps, step: 8}", "grid steps takes all clips that fit: write clips: all, not 1"),
        ("{clips: all}", "clips: all needs a grid that fills the video (consecutive or steps), not authors"),
        ("{clips: all, grid: steps}", "grid steps needs step, the frames from one clip's start to the next"),
        ("{clips: all, grid: consecutive, step: 8}", "step belongs to grid steps, not to consecutive"),
    ],
)
def test_fields_that_do_not_go_together(tmp_path: Path, protocol: str, message: str) -> None:
    """Each rule between fields is said in a sentence with what to write instead."""
    (line,) = mistakes(tmp_path, MINIMAL + f"  evaluate:\n    protocol: {protocol}\n")
    assert line.endswith(f": {message}")
    assert line.startswith("own.yaml:7: evaluate.protocol.")


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        ("0", "must be at least 1, not 0"),
        ("2.5", "must be all or a whole number, not 2.5"),
        ("null", "must be all or a whole number, not null"),
        ("some", '"some" is not legal; legal: all, a whole number'),
        ("al", '"al" is not legal; did you mean all? legal: all, a whole number'),
        ("'10'", '"10" is not legal; the quotes make it text: write 10'),
    ],
)
def test_a_number_of_clips_that_is_none(tmp_path: Path, clips: str, message: str) -> None:
    """A number and the word are told apart, so there is one sentence about the one that was meant."""
    found = mistakes(tmp_path, MINIMAL + f"  evaluate: {{protocol: {{clips: {clips}}}}}\n")
    assert found == [f"own.yaml:6: evaluate.protocol.clips: {message}"]


def test_a_named_protocol_with_one_field_changed(tmp_path: Path) -> None:
    """A row changes a field of the protocol that base names, and another name replaces all of its fields."""
    text = MINIMAL + "  evaluate: {protocol: dense}\nrows:\n"
    text += "  all: {evaluate.protocol.step: 1}\n  ten: {evaluate: {protocol: ten_crop}}\n"
    rows = {row.name: row.replicas[0].evaluation.protocol for row in load(tmp_path, text).rows}
    assert rows == {"all": preset("dense").model_copy(update={"step": 1}), "ten": preset("ten_crop")}
    assert digest(rows["all"]) not in DIGESTS.values()
