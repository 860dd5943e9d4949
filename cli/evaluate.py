"""`videobench eval`: measure what is trained already, or fuse what is measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from videobench.errors import ConfigError

from . import options
from .fuse import Form, run_fusion
from .running import run_experiment


def register(app: typer.Typer) -> None:
    app.command("eval")(evaluate)


def evaluate(
    experiment: Annotated[
        str | None, typer.Argument(metavar="EXPERIMENT", help="A shipped name or a YAML file; not with --fuse.")
    ] = None,
    scale: options.Scale = None,
    settings: options.Settings = None,
    only: options.Only = None,
    keep_going: options.KeepGoing = False,
    jobs: options.Jobs = 1,
    device: options.Device = "auto",
    home: options.Home = options.HOME,
    from_scores: Annotated[
        bool, typer.Option("--from-scores", help="Use stored scores alone: needs neither videos nor weights.")
    ] = False,
    fuse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=RUN,NAME=RUN",
            help="Fuse stored scores; RUN is EXPERIMENT#ROW or a digest from a table. Or once for each stream.",
        ),
    ] = None,
    fusion: Annotated[
        Form | None,
        typer.Option(help="mean of softmax scores (default), or sum of mean logits, each scaled to length 1."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="W,W", help="One for each stream of --fuse, e.g. 0.6,0.4. Default: equal.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --fuse: draw accuracy by weight (.png, .pdf, .svg).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --fuse: print JSON for programs.")] = False,
) -> None:
    """Evaluate trained rows and print the table; never trains.

    Views whose scores are stored are not computed again.
    With --fuse, runs of several streams become one result, from stored scores alone.

    [bold]Examples[/bold]
      videobench eval closer_look/table3 --scale cpu
      videobench eval my.yaml --set evaluate.protocol=video_20
      videobench eval my.yaml --from-scores
      videobench eval --fuse 'rgb=my.yaml#rgb,flow=my.yaml#flow'
    """
    if fuse:
        others = {"EXPERIMENT": experiment, "--set": settings, "--only": only, "--keep-going": keep_going,
                  "--jobs": jobs > 1, "--device": device != "auto", "--from-scores": from_scores}  # fmt: skip
        _refuse(others, "not with --fuse", hint="a run of --fuse is EXPERIMENT#ROW, or the digest of one record")
        run_fusion(
            fuse, form=fusion or "mean", weights=weights, scale=scale, home=Path(home), plot=plot, as_json=as_json
        )
        return
    _refuse(
        {"--fusion": fusion, "--weights": weights, "--plot": plot, "--json": as_json},
        "only with --fuse",
        hint="write --fuse rgb=RUN,flow=RUN",
    )
    if experiment is None:
        raise ConfigError("eval needs an experiment, or --fuse", hint="`videobench ls` lists the shipped ones")
    if from_scores:
        unused = {"--jobs": jobs > 1, "--device": device != "auto"}
        _refuse(unused, "not with --from-scores", hint="nothing is computed that they could change")
    run_experiment(
        experiment, scale=scale, settings=settings or [], only=only or [], failed=False, keep_going=keep_going,
        jobs=jobs, device=device, home=Path(home), may_train=False, from_scores=from_scores,
    )  # fmt: skip


def _refuse(given: Mapping[str, object], why: str, *, hint: str) -> None:
    """Raise ConfigError when one of these was given."""
    if names := [name for name, value in given.items() if value]:
        raise ConfigError(f"{', '.join(names)}: {why}", hint=hint)
