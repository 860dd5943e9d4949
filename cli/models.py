"""`videobench models`: every backbone with every head, with parameters and multiply-accumulates."""

from typing import Annotated, Literal

import typer

from . import options


def register(app: typer.Typer) -> None:
    app.command()(models)


def models(
    pattern: Annotated[
        str, typer.Argument(metavar="[NETWORK[/HEAD]]", help="Which ones; * stands for anything.")
    ] = "*",
    frames: Annotated[int | None, typer.Option(min=1, help="Clip length; by default that of the paper.")] = None,
    size: Annotated[
        int | None, typer.Option(min=16, help="Height and width in pixels; by default those of the paper.")
    ] = None,
    classes: Annotated[int, typer.Option(min=1, help="Number of classes.")] = 400,
    width: Annotated[int, typer.Option(min=1, help="Channels of the first group of the first paper's networks.")] = 64,
    modality: Annotated[
        Literal["rgb", "flow"], typer.Option(help="Three channels, or the two of optical flow.")
    ] = "rgb",
    count: Annotated[
        Literal["macs", "p2"],
        typer.Option(help="Multiply-accumulates, or with elements of other layers, as the second paper's GFlops."),
    ] = "macs",
    as_json: options.Json = False,
) -> None:
    """List every backbone with every head: parameters, cost of a clip.

    Both are computed from the networks themselves.
    "weights M" counts convolutions and linear layers only, as the first paper does.

    [bold]Examples[/bold]
      videobench models "*/average"
      videobench models "ResNeXt101 FRMB" --classes 51 --count p2
      videobench models "R(2+1)D-34/*" --frames 32 --json
    """
    from dataclasses import asdict

    from videobench.runner.network_list import list_networks

    from .console import print_json, print_table

    listed = list(
        list_networks(
            pattern=pattern, frames=frames, size=size, num_classes=classes, width=width, count=count,
            in_channels={"rgb": 3, "flow": 2}[modality],
        )
    )  # fmt: skip
    if as_json:
        print_json([asdict(item) for item in listed])
        return
    print_table(
        ["network", "head", "clip", "parameters", "weights M", "GMAC" if count == "macs" else "GFlops (P2)"],
        [
            [item.network, item.head, f"{item.frames}x{item.size}x{item.size}", item.parameters,
             f"{item.conv_fc_weights / 1e6:.2f}", f"{item.operations / 1e9:.2f}"]
            for item in listed
        ],
    )  # fmt: skip
