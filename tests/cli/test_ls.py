"""`videobench ls`: what can be named, for people and for programs."""

import json
from pathlib import Path

from commands import call, write_experiment

from videobench.spec.base import digest
from videobench.spec.protocol import PRESETS, preset


def test_protocols_for_people() -> None:
    """Every named protocol has a line with its digest and its description."""
    lines = call("ls", "protocols").out.splitlines()
    for name in PRESETS:
        (line,) = (line for line in lines if line.split()[:1] == [name])
        assert line.split()[1] == digest(preset(name))
        assert line.endswith(preset(name).description)


def test_protocols_for_programs() -> None:
    """JSON has the fields to write, and null where the number of views depends on the video."""
    listed = {row["protocol"]: row for row in json.loads(call("ls", "protocols", "--json").out)}
    assert {name: row["fields"] for name, row in listed.items()} == PRESETS
    assert listed["three_crop"]["views"] == 30
    assert listed["ten_crop"]["views"] is None
    assert listed["dense"]["digest"] == digest(preset("dense"))
    assert listed["clip"]["description"] == preset("clip").description


def test_experiments_are_the_default(tmp_path: Path) -> None:
    """Without a word, and by the word, the shipped experiments are listed."""
    assert call("ls", "--home", tmp_path).out == call("ls", "experiments", "--home", tmp_path).out
    assert "closer_look/table2" in call("ls", "--home", tmp_path).out


def test_another_word_is_refused() -> None:
    """What can be listed is named."""
    refused = call("ls", "protocol")
    assert refused.code == 2
    assert "'experiments'" in refused.err
    assert "'protocols'" in refused.err


def test_a_plan_does_not_claim_a_number_of_views_it_does_not_know(tmp_path: Path) -> None:
    """Where videos have as many views as fit, the plan says so; programs get null."""
    setting = ("--home", tmp_path, "--set", "evaluate.protocol=ten_crop")
    path = write_experiment(tmp_path)
    assert "by length" in call("plan", path, *setting).out
    plan = json.loads(call("plan", path, *setting, "--json").out)
    assert plan["rows"][0]["views"] is None
    assert plan["evaluations"][0]["views"] is None
    counted = json.loads(call("plan", path, *setting[:2], "--set", "evaluate.protocol=three_crop", "--json").out)
    assert counted["rows"][0]["views"] == 30
