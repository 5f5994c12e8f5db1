"""``dreamgym pipeline``: everything, from real frames to a scored and filmed controller."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated

import tyro
from rich.console import Console

from dreamgym.commands import cli
from dreamgym.errors import TaskError
from dreamgym.games import DEFAULT_GAME
from dreamgym.pipeline.estimate import print_estimate
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.projection import cluster_seconds, projection_table
from dreamgym.pipeline.run import fetch_config, run_pipeline
from dreamgym.pipeline.settings import PRESETS, PipelineSettings, Preset, preset_settings, read_settings
from dreamgym.pipeline.stage import stage_names
from dreamgym.play.check_task import check_task
from dreamgym.running.checks import at_least, check_settings
from dreamgym.running.cluster.settings import ClusterSettings, open_executor
from dreamgym.running.jobs import default_workers
from dreamgym.storage.settings import RemoteSettings
from dreamgym.tasks import Task, get_task


@dataclass(frozen=True)
class Args:
    """Runs the whole pipeline: from real frames to a controller that is trained in the dream, scored and filmed.

    Collects episodes, trains V and M, evolves C in the dream, and repeats that with C's own episodes. Then scores the
    best C on fresh episodes and films it. Reads and writes the experiment's folder: interrupted anywhere, the same
    command continues. Next: dreamgym status, dreamgym record, dreamgym export.
    """

    preset: Preset = "quick"
    """quick: half an hour on two cores; laptop: a night; paper: the paper's own numbers, about two weeks."""
    experiment: str = ""
    """A name under DREAMGYM_HOME (~/world-models-experiments), or a folder. If not given: the preset's name, after the
    task's name if that is not the car's."""
    workers: int = field(default_factory=default_workers)
    """Processes that play the real game; 0 plays in this one."""
    place: Annotated[ClusterSettings, tyro.conf.arg(name="")] = field(default_factory=ClusterSettings)
    storage: Annotated[RemoteSettings, tyro.conf.arg(name="")] = field(default_factory=RemoteSettings)
    dry_run: bool = False
    """Only print the stages, with an estimate of time and disk space; with a cluster also that of larger ones."""
    settings: Annotated[PipelineSettings, tyro.conf.arg(name="")] = field(default_factory=PipelineSettings)

    def __post_init__(self) -> None:
        check_settings(self, workers=at_least(0))


def run(args: Args) -> None:
    """Runs or estimates the pipeline."""
    settings = args.settings
    task, how = get_task(settings.task), settings.controller
    experiment = Experiment.named(args.experiment or _default_name(args.preset, task))
    if not experiment.is_done("0-collect"):
        compiled = how.env == "dream" and not args.dry_run
        check_task(task, (settings.renderer, "stock"), how.head, compiled=compiled)
    if args.dry_run:
        _estimate(args)
        return
    definition = task.definition_with(how.head)
    saved = {"preset": args.preset, **asdict(settings)}
    defaults, remote = asdict(PipelineSettings()), args.storage.remote
    experiment.write_config(saved, definition=definition, defaults=defaults, remote=remote)
    print(f"experiment: {experiment.folder}", flush=True)
    with open_executor(args.workers, args.place) as executor:
        run_pipeline(experiment, settings, executor, remote)


def _estimate(args: Args) -> None:
    names = stage_names(args.settings.rounds)
    if args.place.cluster is None:
        print_estimate(args.settings, args.workers, names)
        return
    with open_executor(args.workers, args.place) as executor:
        name = args.experiment or _default_name(args.preset, get_task(args.settings.task))
        remote = args.storage.remote or Experiment.named(name).remote
        seconds = partial(cluster_seconds, remote=remote is not None)
        print_estimate(args.settings, executor.workers, names, seconds)
    Console().print(projection_table())


def parse(words: Sequence[str]) -> Args:
    """The arguments: flags on top of the experiment's own settings, or else of the preset's."""
    preset = _value_of(words, "--preset") or "quick"
    if preset not in PRESETS:
        return cli.parse("pipeline", Args, words)  # which prints the presets
    name = _value_of(words, "--experiment")
    try:
        task = get_task(_value_of(words, "--task") or DEFAULT_GAME)
    except TaskError:  # running the command says so, after mistakes in the other flags
        return cli.parse("pipeline", Args, words, Args(settings=PRESETS[preset]))
    experiment = Experiment.named(name or _default_name(preset, task))
    settings = preset_settings(preset, task)  # type: ignore[arg-type]
    if not {"--dry-run", "-h", "--help"} & set(words):
        fetch_config(experiment, _value_of(words, "--remote") or None)
    if experiment.config_path.exists():
        preset = _value_of(words, "--preset") or experiment.read_config()["settings"]["preset"]
        settings = read_settings(experiment)
    default = Args(preset=preset, experiment=name, settings=settings)  # type: ignore[arg-type]
    return cli.parse("pipeline", Args, words, default)


def _default_name(preset: str, task: Task) -> str:
    return preset if task.name == DEFAULT_GAME else f"{task.name}-{preset}"


def _value_of(words: Sequence[str], flag: str) -> str:
    """The value of a flag, which is needed before the other flags can be parsed; empty if it is not given."""
    for number, word in enumerate(words):
        if word == flag:
            return "".join(words[number + 1 : number + 2])
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return ""
