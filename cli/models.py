"""`videobench models`: the networks with their parameters and multiply-accumulates."""

from typing import Annotated

import typer

from . import options


def register(app: typer.Typer) -> None:
    app.command()(models)


def models(
    frames: Annotated[int, typer.Option(min=1, help="Clip length.")] = 8,
    size: Annotated[int, typer.Option(min=16, help="Height and width of the input in pixels.")] = 112,
    classes: Annotated[int, typer.Option(min=1, help="Number of classes.")] = 400,
    width: Annotated[int, typer.Option(min=1, help="Channels of the first group; the paper's is 64.")] = 64,
    as_json: options.Json = False,
) -> None:
    """List the networks with parameters and multiply-accumulates.

    They are computed from the networks themselves.
    "weights M" counts convolutions and the classifier only, as the first paper does.

    [bold]Examples[/bold]
      videobench models
      videobench models --frames 32 --json
    """
    from videobench.runner.build import network_sizes

    from .console import print_json, print_table

    sizes = network_sizes(frames=frames, size=size, num_classes=classes, width=width)
    if as_json:
        print_json(sizes)
        return
    print_table(
        ["network", "depth", "parameters", "weights M", "GMAC"],
        [
            [item["name"], item["depth"], item["parameters"], f"{item['conv_fc_weights'] / 1e6:.2f}",
             f"{item['macs'] / 1e9:.2f}"]
            for item in sizes
        ],
    )  # fmt: skip
