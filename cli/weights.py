"""`videobench weights`: files of weights, their formats, and where public ones are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options

if TYPE_CHECKING:
    from videobench.published.released import ReleasedWeights

weights = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

HELP = """Look into files of weights, convert them, and fetch public ones.

[bold]Examples[/bold]
  videobench weights ls
  videobench weights get tv_r2plus1d_18
  videobench weights inspect r2plus1d_18-91a641e6.pth
  videobench weights convert r3d_d18_l8.pkl --to r3d
"""

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A file of any known format, or a folder of converted ones.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(weights, name="weights", help=HELP)


@weights.command("ls")
def ls(home: options.Home = options.HOME, as_json: options.Json = False) -> None:
    """List the public weights, and which of them are here.

    They are looked for in the folder that $VIDEOBENCH_WEIGHTS names, or in weights under --home.
    Accuracies are their makers', in percent. --json adds pages, protocols, licences and checksums.

    [bold]Examples[/bold]
      videobench weights ls
      videobench weights ls --json
    """
    from videobench.published.released import all_released_weights
    from videobench.runner.workspace import Workspace

    from .console import print_json, print_table

    folder = Workspace(home).weights
    files = all_released_weights()
    if as_json:
        print_json([each.model_dump() | {"here": (folder / each.file).is_file()} for each in files])
        return
    columns = ["name", "network", "clip", "of", "trained on", "clip@1", "video@1", "here"]
    print_table(columns, [[*_columns(each), "yes" if (folder / each.file).is_file() else None] for each in files])


def _columns(each: "ReleasedWeights") -> list[str | None]:
    trained_on = each.data if each.pretraining is None else f"{each.pretraining}, {each.data}"
    return [
        each.name, each.network, each.clip, each.modality, trained_on, each.accuracy.get("clip@1"),
        each.accuracy.get("video@1"),
    ]  # fmt: skip


@weights.command("get")
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in `videobench weights ls`.")],
    home: options.Home = options.HOME,
) -> None:
    """Download public weights, and check that they are whole.

    They go to the folder that $VIDEOBENCH_WEIGHTS names, or to weights under --home.
    A download that was stopped goes on where it stopped. Nothing else ever downloads anything.

    [bold]Examples[/bold]
      videobench weights get tv_r2plus1d_18
      videobench weights get ig65m_r2plus1d_34_32 --home /data/videobench
    """
    from videobench.errors import WeightsError
    from videobench.published.released import released_weights
    from videobench.runner.download import download
    from videobench.runner.weights import how_to_get
    from videobench.runner.workspace import Workspace

    from .console import console
    from .transfer import showing_transfer

    released = released_weights(name)
    path = Workspace(home).weights / released.file
    out = console(stderr=True)
    if path.is_file():
        out.print(f"{path} is here already")
        return
    if released.url is None:
        what = "no program can fetch these weights: their host shows a page to a person first"
        raise WeightsError(what, where=name, hint=how_to_get(released, path))
    with showing_transfer(released.file) as progress:
        sha256 = download(released.url, path, sha256=released.sha256, progress=progress)
    path.with_name(path.name + ".sha256").write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
    out.print(f"{path}: sha256 {sha256}")


@weights.command("inspect")
def inspect(file: File, as_json: options.Json = False) -> None:
    """Tell which network a file of weights is of.

    The network is built without its values, and every tensor of the file must have its place in it.
    Ends with 4 for a file of another network, and says which where that can be told.

    [bold]Examples[/bold]
      videobench weights inspect r2plus1d_18-91a641e6.pth
      videobench weights inspect r3d_d18_l8.pkl --json
    """
    from videobench.runner.inspect_weights import inspect_weights

    from .console import print_json, print_table

    found = inspect_weights(file).as_dict()
    if as_json:
        print_json(found)
        return
    tensors = found["tensors"]
    rows: list[list[Any]] = [
        ["holds", found["holds"]],
        ["parameters", f"{found['parameters']:,}"],
        ["names", found["names"]],
        ["tensors", f"{tensors['matched']} fit, {tensors['reshaped']} of them reshaped; {tensors['unused']} unused"],
        ["classes", found["classes"] if found["class_names"] is None else ", ".join(found["class_names"])],
        ["network", _as_yaml(found["network"])],
        ["head", _as_yaml(found["head"])],
        ["released as", found["released"]],
        ["sha256", found["sha256"]],
    ]
    print_table(["file", found["file"]], rows)


def _as_yaml(settings: dict[str, Any]) -> str:
    """Return settings as they can be put into an experiment file."""
    from .console import shown

    return "{" + ", ".join(f"{name}: {shown(value)}" for name, value in settings.items() if value is not None) + "}"


@weights.command("convert")
def convert(
    file: File,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the two files.", file_okay=False)],
    classes: Annotated[
        Path | None, typer.Option(help="The class names, one a line, in the order of the logits.", dir_okay=False)
    ] = None,
) -> None:
    """Write weights of any known format in videobench's own.

    A folder is made of weights.safetensors and weights.json, which says of which network and classes they are.

    [bold]Examples[/bold]
      videobench weights convert r3d_d18_l8.pkl --to r3d
      videobench weights convert r3d_d18_l8.pkl --to r3d --classes kinetics400.txt
    """
    from videobench.runner.inspect_weights import convert_weights, inspect_weights

    from .console import console

    names = None if classes is None else [line for line in _lines(classes) if line]
    inspected = inspect_weights(file)
    path = convert_weights(inspected, to, class_names=names)
    console(stderr=True).print(f"{path}: {inspected.as_dict()['holds']}")


def _lines(path: Path) -> list[str]:
    from videobench.errors import ConfigError

    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the class names can't be read: {error}", where=str(path)) from error


@weights.command("export")
def export(
    source: Annotated[
        str, typer.Argument(metavar="RUN|FILE", help="experiment#row, a file of weights, or a folder of them.")
    ],
    to: Annotated[Path, typer.Option(metavar="FILE", help="A .pth or .safetensors file.", dir_okay=False)],
    scale: options.Scale = None,
    home: options.Home = options.HOME,
) -> None:
    """Write weights under torchvision's names.

    They load in torchvision where it has the network: R3D-18, MC3-18 and R(2+1)D-18 in its own variant.
    Networks of the same kind get names in the same way; others are refused.

    [bold]Examples[/bold]
      videobench weights export 'closer_look/table2#R3D/8' --to r3d.pth
      videobench weights export r3d --to r3d.safetensors
    """
    from videobench.runner.inspect_weights import export_weights, inspect_weights

    from .console import console

    inspected = inspect_weights(_weights_of(source, scale, home))
    number = export_weights(inspected, to)
    out = console(stderr=True)
    out.print(f"{to}: {number} tensors under torchvision's names")
    if inspected.as_dict()["network"].get("flavour") == "caffe2":
        out.print("its norms have an epsilon of 1e-3, torchvision's 1e-5: set eps in every BatchNorm3d after loading")


def _weights_of(source: str, scale: "options.ScaleName | None", home: Path) -> Path:
    """Return the weights of a finished row, or the path itself."""
    if Path(source).exists() or "#" not in source:
        return Path(source)
    from videobench.runner.inspect_weights import weights_of_row
    from videobench.runner.workspace import Workspace

    from .loading import load

    name, _, row = source.rpartition("#")
    return weights_of_row(load(name, scale, None), row, Workspace(home))
