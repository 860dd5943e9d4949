"""`videobench eval --fuse` from the outside."""

import json
import shutil
from pathlib import Path

import pytest
from commands import BASE, Result, call, write_experiment, write_videos
from videobench_cli.fuse import parse_streams

from videobench.errors import ConfigError
from videobench.records import all_records

ROWS = "rows:\n  plain: {}\n  train 2, test 4: {network: {name: MC3}, evaluate: {clip: {frames: 4}}}\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which two rows are done; their experiment lies in it, their videos are gone."""
    home = tmp_path_factory.mktemp("trained")
    assert call("train", write_experiment(home, ROWS), "--home", home).code == 0
    shutil.rmtree(home / "videos")
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def streams(home: Path) -> str:
    return f"rgb={home}/small.yaml#plain,flow={home}/small.yaml#train 2, test 4"


def fuse(home: Path, *arguments: str | Path) -> Result:
    return call("eval", "--fuse", streams(home), "--home", home, *arguments)


def test_two_rows_by_name(home: Path) -> None:
    """Streams, result, gain and curve are shown, the picture is drawn, and a record is written."""
    shown = fuse(home, "--plot", home / "curve.png")
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[0].startswith("fused from rgb = ")
    assert lines[0].endswith(": weighted mean of softmax scores")
    assert [line.split()[0] for line in lines if line.startswith((" rgb ", " flow ", " fused "))] == [
        "rgb",
        "flow",
        "fused",
    ]
    assert "fused - " in shown.out
    assert ", p " in shown.out
    assert "shown, not tuned; the weight was fixed beforehand at 0.5" in shown.out
    assert (home / "curve.png").is_file()
    (record,) = [each for each in all_records(home / "results" / "records") if "fusion" in each.evaluation]
    assert record.digest[:8] in shown.out


def test_by_digest_and_with_weights(home: Path) -> None:
    """--fuse once a stream, runs by the digests of their records; --json has all that is shown."""
    digests = sorted(record.digest for record in all_records(home / "results" / "records"))
    named = ["--fuse", f"rgb={digests[0][:8]}", "--fuse", f"flow={digests[1][:8]}"]
    shown = call("eval", *named, "--home", home, "--fusion", "l2norm_sum", "--weights", "3,1", "--json")
    assert shown.code == 0, shown.err
    found = json.loads(shown.out)
    assert found["form"] == "l2norm_sum"
    assert found["evaluations"] == {"rgb": [digests[0]], "flow": [digests[1]]}
    assert found["weights"] == {"rgb": 0.75, "flow": 0.25}
    assert {"rgb", "flow"} == found["streams"].keys()
    assert {"value", "interval", "num_videos"} <= found["fused"]["video@1"].keys()
    assert {"value", "interval", "p", "test"} == found["gain"].keys()
    assert len(found["curve"]["shares"]) == len(found["curve"]["accuracies"]) == 21
    assert found["curve"]["about"].endswith("fixed beforehand at 0.75")
    assert len(found["records"]) == 1


def test_a_third_stream(home: Path) -> None:
    """Three streams are fused without a curve, and none can be drawn."""
    write_videos(home / "videos")
    more = home / "more.yaml"
    more.write_text(BASE.replace("R3D", "MC2"))
    assert call("train", more, "--home", home).code == 0
    three = ["eval", "--fuse", f"{streams(home)},third={more}#more", "--home", home]
    shown = call(*three)
    assert "no curve" in shown.out
    assert " 0.333 " in shown.out
    assert json.loads(call(*three, "--json").out)["curve"] is None
    refused = call(*three, "--plot", home / "curve.png")
    assert (refused.code, "no curve for 3 streams" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["rgb=a/b#R3D/8,flow=3f3d59c3"], {"rgb": "a/b#R3D/8", "flow": "3f3d59c3"}),
        (["rgb=t#train 8, test 32,flow=t#8, 16, b"], {"rgb": "t#train 8, test 32", "flow": "t#8, 16, b"}),
        (["rgb=t#a=1", "flow=t#a, b=2"], {"rgb": "t#a=1", "flow": "t#a, b=2"}),
    ],
)
def test_names_of_runs_may_hold_commas(texts: list[str], expected: dict[str, str]) -> None:
    """A comma ends a run only before the next stream's name; given once a stream, nothing is split."""
    assert parse_streams(texts) == expected


@pytest.mark.parametrize("texts", [["rgb"], ["rgb="], ["=a#b"], ["rgb=a#b", "flow"]])
def test_what_is_no_stream(texts: list[str]) -> None:
    """A stream has a name and a run."""
    with pytest.raises(ConfigError, match="is no stream") as caught:
        parse_streams(texts)
    assert "--fuse rgb=RUN,flow=RUN" in str(caught.value)


def test_two_streams_of_one_name() -> None:
    """A name stands for one stream."""
    with pytest.raises(ConfigError, match="two streams rgb"):
        parse_streams(["rgb=a#b,rgb=a#c"])


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["small.yaml"], ["EXPERIMENT: not with --fuse", "EXPERIMENT#ROW"]),
        (["--only", "plain", "--jobs", "2"], ["--only, --jobs: not with --fuse"]),
        (["--weights", "1;2"], ["--weights: '1;2' is no list of weights", "0.6,0.4"]),
        (["--weights", "1"], ["--weights: 1 weights for 2 streams: rgb, flow"]),
        (["--plot", "curve.txt"], [".txt is no picture", ".png, .pdf, .svg"]),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else None,
)
def test_options_that_do_not_fit(trained: Path, arguments: list[str], texts: list[str]) -> None:
    """Each is a usage error that says why; no record is written."""
    refused = fuse(trained, *arguments)
    assert refused.code == 2
    for text in texts:
        assert text in refused.err
    assert len(list(all_records(trained / "results" / "records"))) == 2


def test_options_that_need_streams(trained: Path) -> None:
    """Without --fuse, eval needs an experiment and takes nothing that is about fusion."""
    refused = call("eval", trained / "small.yaml", "--home", trained, "--weights", "1,2", "--json")
    assert (refused.code, "--weights, --json: only with --fuse" in refused.err) == (2, True)
    refused = call("eval")
    assert (refused.code, "eval needs an experiment, or --fuse" in refused.err) == (2, True)
