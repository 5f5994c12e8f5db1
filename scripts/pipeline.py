"""The whole road: collect, V, latents, M, C in the dream, on-policy rounds, scores in the real game, a video.

Interrupted anywhere, the same command goes on from the last finished piece.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated

import tyro

from dreamgym.experiment import Experiment
from dreamgym.jobs import default_workers
from dreamgym.progress import format_seconds
from scripts import command, estimate, road
from scripts.settings import PRESETS, PipelineSettings, Preset, from_json


@dataclass(frozen=True)
class Args:
    """Runs the whole road at a preset, any setting of which can be changed."""

    preset: Preset = "quick"
    """quick: half an hour on two cores; laptop: a night; paper: the paper's own numbers, some two weeks."""
    experiment: str = ""
    """Name under the experiments' home (DREAMGYM_HOME), or a folder; the preset's name if not given."""
    workers: int = field(default_factory=default_workers)
    """Processes that play the real game."""
    dry_run: bool = False
    """Only print what would be done, with an estimate of time and disk."""
    settings: Annotated[PipelineSettings, tyro.conf.arg(name="")] = field(default_factory=PipelineSettings)


@dataclass(frozen=True)
class Stage:
    """A piece of the road.

    Attributes:
        name: What it is called in the log and in the experiment's folder.
        run: Does it; gives the figures to note.
    """

    name: str
    run: Callable[[], dict]


def stages(journey: road.Road) -> list[Stage]:
    """All pieces in order; those of a round carry its number."""
    pieces = []
    for number in range(journey.settings.rounds + 1):
        pieces.append(Stage(f"{number}-collect", partial(journey.collect, number)))
        if number == 0:
            pieces.append(Stage("0-vision", journey.train_vision))
        pieces.append(Stage(f"{number}-latents", partial(journey.encode, number)))
        pieces.append(Stage(f"{number}-memory", partial(journey.train_memory, number)))
        pieces.append(Stage(f"{number}-controller", partial(journey.train_controller, number)))
    pieces.append(Stage("choose", journey.choose))
    pieces.append(Stage("evaluate", journey.evaluate))
    pieces.append(Stage("video", journey.record))
    return pieces


def run_pipeline(args: Args) -> None:
    """Runs every piece that is not finished, then prints what came of it."""
    experiment = Experiment.named(args.experiment or args.preset)
    journey = road.Road(experiment, args.settings, args.workers)
    pieces = stages(journey)
    if args.dry_run:
        estimate.print_estimate(args.settings, args.workers, [piece.name for piece in pieces])
        return
    experiment.write_config({"preset": args.preset, **asdict(args.settings)}, defaults=asdict(PipelineSettings()))
    print(f"experiment: {experiment.folder}", flush=True)
    names = [piece.name for piece in pieces]
    clock = time.monotonic()
    for number, stage in enumerate(pieces, 1):
        if experiment.is_done(stage.name):
            continue
        done = {name: experiment.done(name)["seconds"] for name in names[: number - 1]}
        left = estimate.remaining(args.settings, args.workers, names[number - 1 :], done)
        print(
            f"\n[{number}/{len(pieces)}] {stage.name}  ({format_seconds(time.monotonic() - clock)} gone, "
            f"about {format_seconds(left)} left)",
            flush=True,
        )
        begin = time.monotonic()
        figures = stage.run()
        experiment.mark_done(stage.name, **figures, seconds=round(time.monotonic() - begin, 1))
    road.print_report(experiment)


def parse(words: Sequence[str]) -> Args:
    """The command line, on top of the experiment it goes on with, or else of the preset that it names."""
    preset = _named(words, "--preset") or "quick"
    if preset not in PRESETS:
        return tyro.cli(Args, args=words)  # which tells what presets there are
    name = _named(words, "--experiment")
    experiment = Experiment.named(name or preset)
    settings = PRESETS[preset]
    if experiment.config_path.exists():
        begun = experiment.read_config()["settings"]
        preset = _named(words, "--preset") or begun["preset"]
        settings = from_json(begun)
    return tyro.cli(Args, default=Args(preset=preset, experiment=name, settings=settings), args=words)  # type: ignore[arg-type]


def _named(words: Sequence[str], flag: str) -> str:
    """The value of a flag, read before the others can be; empty if it is not given."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == flag:
            return following
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return ""


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    words = list(sys.argv[1:] if args is None else args)
    command.run_parsed(run_pipeline, lambda: parse(words))


if __name__ == "__main__":
    main()
