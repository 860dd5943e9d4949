"""Laying fragments of settings over each other."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobench.spec.merge import TYPE_WITHOUT_WORDS, Fragment, Leaf, Leaves, flatten, from_folder, nested, overlay
from videobench.spec.settings import Settings


def laid(*contents: dict[str, Any]) -> dict[str, Any]:
    leaves: Leaves = {}
    for number, content in enumerate(contents):
        leaves = overlay(leaves, flatten(Fragment(content, f"layer {number}")))
    return nested(leaves)


@pytest.mark.parametrize(
    ("below", "above", "result"),
    [
        ({"clip": {"frames": 8, "crop": 112}}, {"clip": {"frames": 16}}, {"clip": {"frames": 16, "crop": 112}}),
        ({"clip": {"frames": 8, "crop": 112}}, {"clip.frames": 16}, {"clip": {"crop": 112, "frames": 16}}),
        ({"clip.frames": 8}, {"clip": {"frames": 16}}, {"clip": {"frames": 16}}),
        ({"clip": {"resize": [1, 2]}}, {"clip": {"resize": [3]}}, {"clip": {"resize": [3]}}),
        ({"clip": {"frames": 8}}, {"clip": {}}, {"clip": {"frames": 8}}),
        # another type replaces the mapping, the same type does not
        ({"data": {"type": "a", "x": 1}}, {"data": {"type": "b", "y": 2}}, {"data": {"type": "b", "y": 2}}),
        ({"data": {"type": "a", "x": 1}}, {"data": {"y": 2, "type": "b"}}, {"data": {"y": 2, "type": "b"}}),
        ({"data": {"type": "a", "x": 1}}, {"data": {"type": "a", "y": 2}}, {"data": {"x": 1, "type": "a", "y": 2}}),
        ({"data": {"type": "a", "x": 1}}, {"data.type": "b"}, {"data": {"type": "b"}}),
        ({"data": {"type": "a", "in": {"type": "c", "x": 1}}}, {"data.in.type": "d"},
         {"data": {"type": "a", "in": {"type": "d"}}}),
        # a mapping without a type has the usual one
        ({"recipe.optimiser": {"momentum": 0.5}}, {"recipe.optimiser.type": "adamw"},
         {"recipe": {"optimiser": {"type": "adamw"}}}),
        ({"recipe.optimiser": {"momentum": 0.5}}, {"recipe.optimiser.type": "sgd"},
         {"recipe": {"optimiser": {"momentum": 0.5, "type": "sgd"}}}),
        ({"recipe.optimiser": {"type": "adamw"}}, {"recipe.optimiser.weight_decay": 0.1},
         {"recipe": {"optimiser": {"type": "adamw", "weight_decay": 0.1}}}),
        ({"data": {"root": "/x"}}, {"data.type": "a"}, {"data": {"root": "/x", "type": "a"}}),
        # null clears, a mapping comes back over null
        ({"init": {"run": "a#b"}}, {"init": None}, {"init": None}),
        ({"init": None}, {"init": {"run": "a#b"}}, {"init": {"run": "a#b"}}),
        # run and file decide what init is
        ({"init": {"run": "a#b"}}, {"init": {"file": "/x.pth"}}, {"init": {"file": "/x.pth"}}),
        ({"init": {"file": "/x", "sha256": "1"}}, {"init": {"file": "/y"}}, {"init": {"file": "/y"}}),
        ({"init": {"file": "/x", "sha256": "1"}}, {"init": {"file": "/x"}}, {"init": {"sha256": "1", "file": "/x"}}),
        ({"init": {"file": "/x", "adapt": ["inflate"]}}, {"init.released": "y"}, {"init": {"released": "y"}}),
        ({"init.adapt": ["inflate"]}, {"init.file": "/y"}, {"init": {"adapt": ["inflate"], "file": "/y"}}),
        ({"weights": {"file": "/x", "sha256": "1"}}, {"weights.file": "/y"}, {"weights": {"file": "/y"}}),
        # a named protocol replaces, a mapping is laid over
        ({"evaluate": {"protocol": {"clips": 3, "flip": True}}}, {"evaluate": {"protocol": "video_10"}},
         {"evaluate": {"protocol": {"clips": 10}}}),
        ({"evaluate.protocol": "video_10"}, {"evaluate": {"protocol": {"flip": True}}},
         {"evaluate": {"protocol": {"clips": 10, "flip": True}}}),
        ({"evaluate.protocol": "video_10"}, {"evaluate.protocol": "clip"}, {"evaluate": {"protocol": {"clips": 1}}}),
    ],
)  # fmt: skip
def test_laying_one_fragment_over_another(below: dict[str, Any], above: dict[str, Any], result: dict[str, Any]) -> None:
    """Mappings merge, dotted keys too; lists, nulls, other types, other sources and named protocols replace."""
    assert laid(below, above) == result


@pytest.mark.parametrize("path", TYPE_WITHOUT_WORDS)
def test_the_type_without_words_is_what_is_read(path: tuple[str, ...]) -> None:
    """Mappings are laid over each other as what they are taken for when they are validated."""
    fields: dict[str, Any] = {"name": "R3D"} if path == ("network",) else {}
    given = nested({path: Leaf(fields, "here", ("here",))})
    rest = {"data": {"type": "synthetic_motion"}, "clip": {"frames": 8}, "network": {"name": "R3D"}}
    rest["evaluate"] = {"data": rest["data"], "clip": rest["clip"]}
    value: Any = Settings.model_validate({**rest, **given})
    for name in path:
        value = getattr(value, name)
    assert value.type == TYPE_WITHOUT_WORDS[path]


words = st.sampled_from(["a", "b", "c"])
trees = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(words, inner, min_size=1, max_size=3), max_leaves=6
)
mappings = st.dictionaries(words, trees, max_size=3)


def merged(below: Any, above: Any) -> Any:
    """The rule, written the plain way."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    keys = {**below, **above}
    return {key: merged(below[key], above[key]) if key in below and key in above else keys[key] for key in keys}


@given(mappings, mappings)
def test_overlay_is_a_recursive_merge(below: dict[str, Any], above: dict[str, Any]) -> None:
    """Without the special fields, laying over is merging recursively."""
    assert laid(below, above) == merged(below, above)


@given(mappings)
def test_laying_a_fragment_over_itself_changes_nothing(content: dict[str, Any]) -> None:
    """Every fragment is its own fixed point."""
    assert laid(content, content) == laid(content) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"clip": {"frames": 8}, "clip.frames": 16}, "clip.frames is given twice; also as clip.frames in f"),
        ({"clip": None, "clip.frames": 16}, "clip.frames is given twice; also as clip in f"),
        ({"evaluate.protocol": "clip", "evaluate": {"protocol": {"flip": True}}},
         "evaluate.protocol.flip is given twice; also as evaluate.protocol in f"),
    ],
)  # fmt: skip
def test_one_fragment_gives_a_field_once(content: dict[str, Any], message: str) -> None:
    """A field given plainly and dotted in the same mapping is a contradiction, not a silent choice."""
    assert flatten(Fragment(content, "f")).contradictions == (("f", message),)


def test_leaves_know_where_they_stand() -> None:
    """A leaf knows its line and those of the words of its name; what was laid last stands last."""
    lines = {("base", "clip"): 3, ("base", "clip", "frames"): 4, ("base", "a.b"): 5}
    layer = flatten(Fragment({"clip": {"frames": 8}, "a.b": 1}, "x.yaml", lines, ("base",)))
    assert layer.leaves["clip", "frames"].origin == "x.yaml:4"
    assert layer.leaves["clip", "frames"].places == ("x.yaml:3", "x.yaml:4")
    assert layer.leaves["a", "b"].places == ("x.yaml:5", "x.yaml:5")
    again = overlay(layer.leaves, flatten(Fragment({"clip.frames": 9}, "--set")))
    assert list(again) == [("a", "b"), ("clip", "frames")]
    preset = flatten(Fragment({"evaluate.protocol": "video_10"}, "x.yaml"))
    assert preset.leaves["evaluate", "protocol", "clips"].origin == "x.yaml (video_10)"


def test_paths_start_from_the_folder_of_their_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths are from the fragment's folder; absolute ones, home and shipped names stay."""
    monkeypatch.setenv("HOME", "/home/me")
    content = {
        "data": {"root": "videos"}, "evaluate": {"data": {"root": "/abs"}}, "init": {"run": "../b.yaml#row"},
        "weights": {"file": "~/w.pth"},
    }  # fmt: skip
    leaves = flatten(Fragment(content, "f", folder=Path("/exp"))).leaves
    assert [leaf.value for leaf in leaves.values()] == ["/exp/videos", "/abs", "/exp/../b.yaml#row", "/home/me/w.pth"]
    assert from_folder("closer_look/table2#R3D/8", Path("/exp")) == "closer_look/table2#R3D/8"
    assert from_folder("#row", Path("/exp")) == "#row"
    assert from_folder("a#b/c.yaml#row", Path("/exp")) == "/exp/a#b/c.yaml#row"
    assert from_folder("~nobody_of_this_name/x.yaml", Path("/exp")) == "/exp/~nobody_of_this_name/x.yaml"
