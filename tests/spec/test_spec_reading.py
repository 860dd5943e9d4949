"""YAML without its traps."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobench.errors import ConfigError
from videobench.spec.reading import DEEPEST, parse_scalar, parse_value, read_yaml


def read(folder: Path, text: str | bytes) -> Any:
    path = folder / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("1E5", 1e5), ("1.", 1.0), (".5", 0.5), ("-0.5", -0.5), ("6.02e+23", 6.02e23),
        ("8", 8), ("+8", 8), ("-8", -8), ("017", 17), ("1_000_000", 1_000_000), ("0x1F", 31), ("0o17", 15),
        ("12:30", "12:30"), ("1:2:3", "1:2:3"), ("2018-01-01", "2018-01-01"), ("1.2.3", "1.2.3"), ("_1", "_1"),
        ("1_", "1_"), ("0x", "0x"), ("no", "no"), ("No", "No"), ("yes", "yes"), ("on", "on"), ("off", "off"),
        ("y", "y"), ("true", True), ("False", False), ("TRUE", True), ("tRUE", "tRUE"), ("null", None), ("~", None),
        ("", None), ("None", "None"), (".inf", ".inf"), (".nan", ".nan"), ("nan", "nan"), ("٣", "٣"), ("²", "²"),
        ("R(2+1)D", "R(2+1)D"), ("f-R2D", "f-R2D"), ("8f", "8f"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(tmp_path: Path, text: str, value: Any) -> None:
    """A plain scalar is null, a truth value, a number or text by YAML 1.2's core rules."""
    assert parse_scalar(text) == value
    assert type(parse_scalar(text)) is type(value)
    if text not in ("=",):
        assert read(tmp_path, f"key: {text}\n").content == {"key": value}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_python_writes_is_read_back(number: float) -> None:
    """What Python writes for a number is that number."""
    assert parse_scalar(repr(number)) == number


@given(st.text())
def test_any_text_is_a_scalar_or_a_value_error(text: str) -> None:
    """Any text gives a scalar; the only refusal is of numbers too large."""
    with contextlib.suppress(ValueError):
        parsed = parse_scalar(text)
        assert parsed is None or isinstance(parsed, bool | int | float | str)


def test_quoted_and_block_scalars_are_text(tmp_path: Path) -> None:
    """Quotes and block scalars keep a number text."""
    assert read(tmp_path, "a: '8'\nb: \"1e-4\"\nc: |\n  12\nd: >-\n  no\n").content == {
        "a": "8", "b": "1e-4", "c": "12\n", "d": "no",
    }  # fmt: skip


def test_keys_are_text_and_know_their_lines(tmp_path: Path) -> None:
    """Keys stay as written; each knows its line, list items too."""
    document = read(tmp_path, "# comment\n8: {no: [a,\n  b]}\n1e3: x\n")
    assert document.content == {"8": {"no": ["a", "b"]}, "1e3": "x"}
    assert document.lines[("8",)] == 2
    assert document.lines[("8", "no", "1")] == 3
    assert document.lines[("1e3",)] == 4


@pytest.mark.parametrize(
    ("text", "content", "problems"),
    [
        ("a: 1\nb: {c: 1,\n c: [2]}\na: {x: {y: 1}}\n", {"a": 1, "b": {"c": 1}},
         [(3, "c stands here a second time; the first is in line 2"),
          (4, "a stands here a second time; the first is in line 1")]),
        ("a: &x {b: 1}\nc: *x\nd: [*x, 2]\n", {"a": {"b": 1}, "d": [2]},
         [(1, "anchors (&x) are not allowed; use base: or extends:"),
          (2, "aliases (*x) are not allowed; use base: or extends:"),
          (3, "aliases (*x) are not allowed; use base: or extends:")]),
        ("a: !!str 5\nb: !foo {c: 1}\nc: !!python/name:os.system ''\nd: ! x\ne: 1\n", {"e": 1},
         [(1, "tags (tag:yaml.org,2002:str) are not allowed; a value's type follows from the field"),
          (2, "tags (!foo) are not allowed; a value's type follows from the field"),
          (3, "tags (tag:yaml.org,2002:python/name:os.system) are not allowed; a value's type follows from the field"),
          (4, "tags (!) are not allowed; a value's type follows from the field")]),
        ("? [a, b]\n: 1\nc: 2\n", {"c": 2}, [(1, "a key must be a single word or number")]),
        ('a: "\\ud800"\nb: 1\n', {"b": 1}, [(1, "an escape stands for half a character")]),
        ("a: 1\nb: 99999999999999999999\nc: 1e400\n", {"a": 1},
         [(2, "999999999999999999... is too large a number"), (3, "1e400 is too large a number")]),
        ("a: 1\n---\nb: 2\n", {"a": 1}, [(2, "a second document begins here; one file holds one")]),
        ("a: &x [*x]\n", {"a": []}, [(1, "anchors (&x) are not allowed; use base: or extends:"),
                                     (1, "aliases (*x) are not allowed; use base: or extends:")]),
        (f"a: {'[' * 30}{']' * 30}\nb: 1\n", None, [(1, f"this is nested deeper than {DEEPEST} levels")]),
    ],
)  # fmt: skip
def test_traps_are_refused_with_their_line(tmp_path: Path, text: str, content: Any, problems: Any) -> None:
    """Duplicate keys, anchors, aliases and tags are problems with a line; what is left is still read."""
    document = read(tmp_path, text)
    assert list(document.problems) == problems
    assert content is None or document.content == content


def test_deep_nesting_is_an_ordinary_mistake(tmp_path: Path) -> None:
    """Nesting deeper than Python's stack ends in a message."""
    depth = 1200
    text = "\n".join(f"{' ' * level}a:" for level in range(depth))
    assert [line for line, _ in read(tmp_path, f"{text} 1\n").problems] == [DEEPEST + 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "file.yaml: the file is empty"),
        (b"# nothing\n", "file.yaml: the file is empty"),
        (b"--- ~\n", "file.yaml: the file is empty"),
        (b"- a\n- b\n", "file.yaml:1: the top of the file must be a mapping of fields"),
        (b"text\n", "file.yaml:1: the top of the file must be a mapping of fields"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "file.yaml: it is not text in UTF-8"),
        (b"a: caf\xe9\n", "file.yaml: it is not text in UTF-8"),
        (b"a: 1\nb: \x00\n", "file.yaml:2: this is not YAML: the character '\\x00' is not allowed"),
        (b"a: 1\nb: [1, 2\n", "file.yaml:3: this is not YAML: expected ',' or ']', but got '<stream end>'"),
        (b"a: b: c\n", "file.yaml:1: this is not YAML: mapping values are not allowed here"),
        (b"a: 1\n\tb: 2\n", "file.yaml:2: this is not YAML: found character '\\t' that cannot start any token"),
        (b'a: "\\UFFFFFFFF"\n', "file.yaml: this is not YAML: an escape stands for no character"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_one_error(tmp_path: Path, content: bytes, message: str) -> None:
    """An empty, binary, not UTF-8 or broken file, or one with another top, is one ConfigError that says which."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, content)
    assert str(caught.value).removeprefix(f"{tmp_path}/") == message


def test_a_file_that_is_not_there_or_no_file_is_one_error(tmp_path: Path) -> None:
    """A missing file and a folder are ConfigErrors."""
    with pytest.raises(ConfigError, match="there is no such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"it cannot be read \(Is a directory\)"):
        read_yaml(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    """A file saved with a byte order mark reads the same."""
    assert read(tmp_path, "\ufefftitle: x\n".encode()).content == {"title": "x"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2), ("1e-4", 1e-4), ("", None), ("R(2+1)D", "R(2+1)D"), ("[32, 32]", [32, 32]), ("'8'", "8"),
        ("{type: one_cycle}", {"type": "one_cycle"}), ("#row", "#row"), ("closer_look/table2#R3D/8",) * 2,
        ("no", "no"), ("true", True),
    ],
)  # fmt: skip
def test_values_of_the_command_line(text: str, value: Any) -> None:
    """The right-hand side of --set is a YAML value, and a leading # no comment."""
    assert parse_value(text) == value


@pytest.mark.parametrize("text", ["[1", "a: b: c", "{a: 1, a: 2}", "*x", "!!str 5", "\x00", "99999999999999999999"])
def test_wrong_values_of_the_command_line(text: str) -> None:
    """What is no value is a ConfigError."""
    with pytest.raises(ConfigError):
        parse_value(text)
