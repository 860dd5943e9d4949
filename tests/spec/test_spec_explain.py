"""Mistakes as sentences."""

from pathlib import Path

import pytest
from experiment_files import BASE, MINIMAL, TITLE, load, mistakes, write

from videobench.errors import ConfigError
from videobench.spec.expand import load_experiment
from videobench.spec.problems import Problems, nearest

MANY = """\
titel: twelve mistakes
published: {table: Closer Look, row: {net: "{network.nam}"}}
base:
  data: {type: synthetic_motion, videos: 3}
  clip:
    frames: 8
    crop: "112"
    stride: 0
  network:
    type: video_resnet
    depth: 20
  recipe:
    batch: 24
    micro_batch: 16
    schedule: {type: stepp}
    flip: 1.5
  init: {run: "closer_look/table2#R3F/8"}
  evaluate: {protocol: video_11}
  recipe: 3
matrix:
  clip.stride:
    - 1
    - two
exclude:
  - {clip.frame: 8}
clip: {frames: 8}
scales:
  cpu: {base: {network.name: R2D}}
"""


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    """One error names every mistake of a file once: line, field, value, what is legal, what was meant."""
    found = mistakes(tmp_path, MANY)
    assert found == [
        "own.yaml: title: this field is required",
        "own.yaml:1: titel: unknown field; did you mean title? legal: title, extends, scale, published, base, rows,"
        " matrix, exclude, seeds, splits, scales",
        'own.yaml:2: published.table: "Closer Look" doesn\'t fit the pattern ^[a-z0-9_]+/[a-z0-9_]+$',
        "own.yaml:4: data.videos: unknown field; legal: type, version, train_videos_per_class, test_videos_per_class,"
        " flow",
        'own.yaml:7: clip.crop: must be a whole number, not "112"; the quotes make it text: write 112',
        "own.yaml:9: network.name: this field is required",
        "own.yaml:11: network.depth: 20 is not legal; legal: 18, 34, 50, 101, 152",
        "own.yaml:14: recipe.micro_batch: batch 24 is not a multiple of micro_batch 16",
        'own.yaml:15: recipe.schedule.type: "stepp" is not legal; did you mean step? legal: step, one_cycle, plateau',
        "own.yaml:16: recipe.flip: must be at most 1, not 1.5",
        "own.yaml:17: init.run: closer_look/table2 has no row 'R3F/8'; did you mean R3D/8? legal: "
        + found[10].partition("legal: ")[2],
        'own.yaml:18: evaluate.protocol: "video_11" is neither a mapping nor the name of a protocol;'
        " did you mean video_10? legal: clip, video_10, video_20, video_100, ten_crop, dense, three_crop,"
        " three_crop_mmaction2",
        "own.yaml:19: recipe stands here a second time; the first is in line 12",
        'own.yaml:23: clip.stride: must be a whole number, not "two"',
        "own.yaml:25: exclude: clip.frame is not in the matrix; did you mean clip.stride? legal: clip.stride",
        "own.yaml:26: clip: this is a setting, not a field of the file: write it under base",
        "own.yaml:28: network.name: a scale may not change this, only data, subset, clip.resize, clip.crop,"
        " network.width, recipe, init, evaluate.data, evaluate.subset, evaluate.clip.resize, evaluate.clip.crop,"
        " evaluate.protocol.flip,"
        " select.subset, validation",
    ]


DATA_TYPES = (
    "synthetic_motion, class_folders, split_lists, ucf101, hmdb51, kinetics400, kinetics600, kinetics700, sports1m,"
    " manifest"
)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("clip: {resize: 128}", "clip.resize: must be a list, not 128"),
        ("clip: {resize: [128]}", "clip.resize: must have 2 values, not [128]"),
        ("clip: {mean: [1, 2, 3, 4]}", "clip.mean: must have 3 values, one a channel of rgb, not [1, 2, 3, 4]"),
        ("clip: {modality: flow, std: [1, 1, 1]}",
         "clip.std: must have 2 values, one a channel of flow, not [1, 1, 1]"),
        ("clip: {modality: flwo}", 'clip.modality: "flwo" is not legal; did you mean flow? legal: rgb, flow'),
        ("clip: {flip_flow: keep}", "clip.flip_flow: flip_flow belongs to modality flow, not to rgb"),
        ("clip: {resize: [128, 171.5]}", "clip.resize.1: must be a whole number, not 171.5"),
        ("clip: {std: [0.2, 0.2, 0]}", "clip.std.2: must be more than 0, not 0"),
        ("clip: 8", "clip: must be a mapping, not 8"),
        ("clip: null", "clip: must be a mapping, not null; {} is the empty mapping"),
        ("clip: {crop: 33}", "clip.crop: crop 33 is larger than resize [32, 32]"),
        ("network: {depth: '18'}", 'network.depth: "18" is not legal; the quotes make it text: write 18'),
        ("head: {dropout: 1}", "head.dropout: must be less than 1, not 1"),
        ("head: {dropout: true}", "head.dropout: must be a number, not true"),
        ("head: {dropout: '1e-1'}",
         'head.dropout: must be a number, not "1e-1"; the quotes make it text: write 1e-1'),
        ("recipe: {optimiser: {nesterov: 'no'}}", 'recipe.optimiser.nesterov: must be true or false, not "no"'),
        ("recipe: {optimiser: {nesterov: 'true'}}",
         'recipe.optimiser.nesterov: must be true or false, not "true"; the quotes make it text: write true'),
        ("recipe: {epochs: 12:30}", 'recipe.epochs: must be a number, not "12:30"'),
        ("recipe: {warmup_epochs: 50}", "recipe.warmup_epochs: warmup_epochs 50 is longer than epochs 45"),
        ("recipe: {schedule: {type: plateau}}", "recipe.schedule.subset: this field is required"),
        ("recipe: {schedule: {type: plateau, subset: validation}}",
         "recipe.schedule.subset: synthetic_motion has no subset 'validation'; legal: train, test"),
        ("recipe: {schedule: {patience: 5}}",
         "recipe.schedule.patience: unknown field; legal: type, every_epochs, factor"),
        ("recipe: {optimiser: {type: adam}}",
         'recipe.optimiser.type: "adam" is not legal; did you mean adamw? legal: sgd, adamw'),
        ("recipe: {optimiser: adamw}", 'recipe.optimiser: must be a mapping, not "adamw"'),
        ("recipe: {schedule: null}", "recipe.schedule: must be a mapping, not null; {} is the empty mapping"),
        ("recipe: {schedule: {type: null}}",
         "recipe.schedule.type: null is not legal; legal: step, one_cycle, plateau"),
        ("recipe: {optimiser: {dampening: 0.9}}",
         "recipe.optimiser.dampening: Nesterov momentum has no dampening: write nesterov: false"),
        ("recipe: {batch: 4, micro_batch: 1}",
         "recipe.micro_batch: micro_batch 1 leaves BatchNorm one clip to normalise: give it 2 or more"),
        ("evaluate: {protocol: {crops: []}}", "evaluate.protocol.crops: must have at least 1 value, not []"),
        ("evaluate: {protocol: {crops: [middle]}}",
         'evaluate.protocol.crops.0: "middle" is not legal; legal: centre, left, right, top_left, top_right,'
         " bottom_left, bottom_right"),
        ("evaluate: {protocol: [clip]}", 'evaluate.protocol: must be a mapping, not ["clip"]'),
        ("evaluate: {protocol: VIDEO-20}",
         'evaluate.protocol: "VIDEO-20" is neither a mapping nor the name of a protocol; did you mean video_20?'
         " legal: clip, video_10, video_20, video_100, ten_crop, dense, three_crop, three_crop_mmaction2"),
        ("evaluate: {subset: validation}",
         "evaluate.subset: synthetic_motion has no subset 'validation'; legal: train, test"),
        ("data: {type: split_lists, name: 101}", 'data.name: must be text, not 101; in quotes it is text: "101"'),
        ("data: {type: split_lists, name: a b}",
         'data.name: "a b" doesn\'t fit the pattern ^[A-Za-z0-9][A-Za-z0-9_.-]*$'),
        ("data: {type: split_lists, name: x, root: ''}", "data.root: must not be empty"),
        ("data: {type: kinetics, name: k}",
         f'data.type: "kinetics" is not legal; did you mean kinetics700? legal: {DATA_TYPES}'),
        ("data: {type: class_folders, name: x, split: 2}", "data.split: groups and split need folds"),
        ("data: {type: class_folders, name: x, folds: 3, split: 4}", "data.split: split 4 is not one of the 3 folds"),
        ("init: {run: '#own', file: b}", 'init.file: give one of run ("experiment#row", quoted), file and released'),
        ("init: {run: '#own', adapt: [inflate]}", "init.adapt: adapt belongs to file and released"),
        ("init: {released: tv_r3d_18, sha256: " + 64 * "a" + "}", "init.sha256: sha256 belongs to file"),
        ("init: {sha256: " + 64 * "a" + "}", 'init: give one of run ("experiment#row", quoted), file and released'),
        ("init: {run: #row\n }", 'init.run: give one of run ("experiment#row", quoted), file and released'),
        ("init: {run: closer_look/table2}",
         "init.run: 'closer_look/table2' names no row; write experiment#row, or #row of this file"),
        ("init: {run: '#own', sha256: " + 64 * "a" + "}", "init.sha256: sha256 belongs to file"),
        ("init: {file: none.pth}",
         "init.file: there is no such file: none.pth; state its sha256 if it is to be put there later"),
        ("weights: {file: none.pth}",
         "weights.file: there is no such file: none.pth; state its sha256 if it is to be put there later"),
        ("weights: {file: x, sha256: 123a}", 'weights.sha256: "123a" doesn\'t fit the pattern ^[0-9a-f]{64}$'),
        ("evaluate: null", "evaluate: must be a mapping, not null; {} is the empty mapping"),
        ("evaluate: 5", "evaluate: must be a mapping, not 5"),
        ("evaluate: {clip: 5}", "evaluate.clip: must be a mapping, not 5"),
        ("evaluate: {data: {type: null}}",
         f'evaluate.data.type: null is not legal; legal: {DATA_TYPES}'),
        ("seed: -1", "seed: must be at least 0, not -1"),
        ("title: x", "title: this is a field of the file itself, not a setting"),
        ("learning_rate: 0.1",
         "learning_rate: unknown field; legal: data, subset, clip, network, head, recipe, init, weights,"
         " evaluate, select, validation, seed"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_one_mistake_at_its_line(tmp_path: Path, settings: str, message: str) -> None:
    """Each kind of wrong value is one sentence at the line of the field, though data and clip are inherited."""
    text = f"{MINIMAL}rows:\n  own:\n    {settings}\n"
    (found,) = mistakes(tmp_path, text)
    assert found == f"own.yaml:8: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows: {R3D: }", "own.yaml:6: rows.R3D: must be a mapping, not null; {} is the empty mapping"),
        ("rows: [R3D]", 'own.yaml:6: rows: must be a mapping, not ["R3D"]'),
        ("rows: {R3D: {published: R3D}}", 'own.yaml:6: rows.R3D.published: must be a mapping, not "R3D"'),
        ("rows: {R3D: {published: {net: [1]}}}", "own.yaml:6: rows.R3D.published.net: must be text, not [1]"),
        ("matrix: {clip.frames: 8}", "own.yaml:6: matrix.clip.frames: must be a list, not 8"),
        ("matrix: {clip.frames: []}", "own.yaml:6: matrix.clip.frames: must have at least 1 value, not []"),
        ("matrix: {clip.frames: [8, 8.0]}", "own.yaml:6: matrix.clip.frames: 8 stands here 2 times"),
        ("matrix: {clip: [{frames: 8}]}",
         "own.yaml:6: matrix.clip.0: a value here must be a word or a number, no list or mapping"),
        ("matrix: {row: [a]}", "own.yaml:6: matrix.row: row means the named rows; write them under rows"),
        ("matrix: {clip.frmes: [1, 2]}",
         "own.yaml:6: clip.frmes: unknown field; did you mean frames? legal: frames, stride, fps, resize, crop, filter,"
         " modality, mean, std, flow_algorithm, flip_flow, short_video"),
        ("matrix: {network: [R3D]}", 'own.yaml:6: network: must be a mapping, not "R3D"'),
        ("exclude: [{}]", "own.yaml:6: exclude.0: must have at least 1 value, not {}"),
        ("exclude: {clip.frames: 8}", 'own.yaml:6: exclude: must be a list, not {"clip.frames": 8}'),
        ("seeds: 3", "own.yaml:6: seeds: must be a list, not 3"),
        ("seeds: []", "own.yaml:6: seeds: must have at least 1 value, not []"),
        ("seeds: [1, 1]", "own.yaml:6: seeds: 1 stands here 2 times"),
        ("seeds: [-1]", "own.yaml:6: seeds.0: must be at least 0, not -1"),
        ("splits: [0]", "own.yaml:6: splits.0: must be at least 1, not 0"),
        ("scale: big", 'own.yaml:6: scale: "big" is not legal; legal: paper, gpu, cpu, smoke'),
        ("scales: {cpuu: {}}",
         'own.yaml:6: scales.cpuu: "cpuu" is not legal; did you mean cpu? legal: paper, gpu, cpu, smoke'),
        ("scales: {cpu: {bass: {}}}",
         "own.yaml:6: scales.cpu.bass: unknown field; did you mean base? legal: base, rows, seeds, splits"),
        ("published: {table: closer_look/table2, row: {net: '{network.nme}'}}",
         "own.yaml:6: published: there is no setting 'network.nme'; did you mean network.name?"),
        ("published: {tabel: x}", "own.yaml:6: published.table: this field is required"),
        ("extends: nothing", "own.yaml:6: extends: there is no shipped experiment 'nothing'; legal: "),
        ("seeds: &a [1]", "own.yaml:6: anchors (&a) are not allowed; use base: or extends:"),
        ("base: {}", "own.yaml:6: base stands here a second time; the first is in line 2"),
    ],
)  # fmt: skip
def test_a_wrong_grammar_is_one_mistake_at_its_line(tmp_path: Path, text: str, message: str) -> None:
    """Each kind of wrong field of the file itself is one sentence at its line."""
    found = mistakes(tmp_path, f"{MINIMAL}{text}\n")
    assert found[0].startswith(message)


def test_a_mistake_shared_by_all_rows_is_said_once(tmp_path: Path) -> None:
    """What all rows lack or have wrong is one mistake; what some rows lack names them."""
    rows = "matrix: {network.name: [R2D, R3D, MC2], network.width: [8, 16]}\n"
    assert (
        mistakes(tmp_path, f"{TITLE}base: {{clip: {{frames: 0}}}}\n{rows}")
        == [
            "own.yaml:2: clip.frames: must be at least 1, not 0",
            "own.yaml:2: data: this field is required",
            "own.yaml:3: network.type: this field is required",
        ][:2]
    )
    some = TITLE + BASE.replace("  clip: {frames: 8, resize: [32, 32], crop: 32}\n", "")
    some += "rows:\n  a: {clip: {frames: 8}}\n  b: {}\n  c: {clip: {frames: 16}}\n"
    assert mistakes(tmp_path, some) == ["own.yaml:2: clip: this field is required (rows b)"]


def test_a_mistake_of_a_matrix_value_points_at_the_value(tmp_path: Path) -> None:
    """In a matrix, a wrong value is found at its own line, a wrong name at the name's."""
    text = f"{MINIMAL}matrix:\n  network.name:\n    - R3D\n    - R3F\n  network.deep:\n    - 18\n    - 34\n"
    found = mistakes(tmp_path, text)
    assert [line.split(": ")[0:2] for line in found] == [
        ["own.yaml:9", "network.name"], ["own.yaml:10", "network.deep"],
    ]  # fmt: skip


def test_a_head_for_clips_of_one_length(tmp_path: Path) -> None:
    """BERT trained on 8 frames can't be measured on 32; the average of a network can."""
    text = f"{MINIMAL}rows:\n  own:\n    evaluate.clip.frames: 32\n    head: {{type: bert}}\n"
    (found,) = mistakes(tmp_path, text)
    assert found == (
        "own.yaml:9: head.type: a bert head fits clips of one length: it would be trained on 8 frames and"
        " measured on 32"
    )
    assert load(tmp_path, text.replace("bert", "average")).rows


def test_training_and_evaluation_may_be_wrong_each_in_its_own_way(tmp_path: Path) -> None:
    """A mistake in evaluate.clip is reported beside the same mistake in clip when it is written there itself."""
    text = f"{MINIMAL}rows:\n  own:\n    clip: {{frames: 0}}\n    evaluate:\n      clip: {{frames: 0}}\n"
    assert mistakes(tmp_path, text) == [
        "own.yaml:8: clip.frames: must be at least 1, not 0",
        "own.yaml:10: evaluate.clip.frames: must be at least 1, not 0",
    ]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("recipe.epoch=2", "--set: recipe.epoch: unknown field; did you mean epochs? legal:"),
        ("recipe.epochs=two", '--set: recipe.epochs: must be a number, not "two"'),
        ("recipe.epochs='2'", '--set: recipe.epochs: must be a number, not "2"; the quotes make it text: write 2'),
        ("recipe.epochs=", "--set: recipe.epochs: must be a number, not null"),
        ("recipe.batch=17", "--set: recipe.batch: batch 17 is not a multiple of micro_batch 32"),
        ("recipe.epochs", "--set recipe.epochs: write field=value, for example recipe.epochs=2"),
        ("=2", "--set =2: write field=value, for example recipe.epochs=2"),
        ("a..b=2", "--set a..b=2: write field=value, for example recipe.epochs=2"),
        ("clip=[1", "--set: clip: '[1' is not a YAML value: expected ',' or ']', but got '<stream end>'"),
        ("clip={frames: 8, frames: 9}", "--set: clip: frames stands here a second time; the first is in line 1"),
        ("seeds=[1]", "--set: seeds: this is a field of the file itself, not a setting"),
        ("init.run=#none", "--set: init.run: own.yaml has no row 'none'; legal: own"),
        ("init.file=none.pth", "--set: init.file: there is no such file: none.pth;"),
    ],
)
def test_mistakes_of_the_command_line_say_so(tmp_path: Path, setting: str, message: str) -> None:
    """What --set gets wrong is reported once, as --set."""
    (found,) = mistakes(
        tmp_path, f"{MINIMAL}matrix: {{network.depth: [18, 34]}}\n" if "#" not in setting else MINIMAL, setting
    )
    assert found.startswith(message)


def test_mistakes_of_the_command_line_and_the_file_come_together(tmp_path: Path) -> None:
    """--set doesn't hide the file's mistakes."""
    assert len(mistakes(tmp_path, MINIMAL.replace("R3D", "R9D"), "recipe.epochs=two", "foo")) == 3


def test_the_error_of_one_mistake_names_its_place(tmp_path: Path) -> None:
    """A single mistake is an error whose place can be told from its sentence."""
    with pytest.raises(ConfigError) as caught:
        load_experiment(write(tmp_path, MINIMAL.replace("18", "18").replace("frames: 8", "frames: -8")))
    assert caught.value.where == f"{tmp_path}/own.yaml:4"
    assert caught.value.what == "clip.frames: must be at least 1, not -8"
    assert caught.value.exit_code == 2


def test_problems_are_sorted_by_file_and_line() -> None:
    """Line 9 comes before line 10, each mistake once, odd names included."""
    problems = Problems()
    assert not problems
    problems.raise_any()
    for where in ("b.yaml:10", "b.yaml:9", "a.yaml:11 (video_10)", "--set", "b.yaml:9", "²:²"):
        problems.add(where, "wrong")
    with pytest.raises(ConfigError) as caught:
        problems.raise_any()
    assert [line.strip().removesuffix(": wrong") for line in caught.value.what.split("\n")] == [
        "5 mistakes:", "--set", "a.yaml:11 (video_10)", "b.yaml:9", "b.yaml:10", "²:²",
    ]  # fmt: skip


def test_the_nearest_word_is_named_and_long_lists_are_cut() -> None:
    """The hint names a close word whatever its case, and at most thirty legal ones."""
    assert nearest("r3d", ["R2D", "R3D"]) == "did you mean R3D? legal: R2D, R3D"
    assert nearest("xyz", ["R2D"]) == "legal: R2D"
    assert nearest("xyz", []) == ""
    assert nearest("row 7", [f"row {number}" for number in range(40)]).endswith("row 29 and 10 more")
