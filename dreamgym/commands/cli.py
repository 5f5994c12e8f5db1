"""What all commands share: parsing, errors in one line, and what a command finds by itself."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import tyro

from dreamgym.errors import DreamGymError, ExperimentError
from dreamgym.games import DEFAULT_GAME
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.find import find_experiment_of, find_world_model_of, places_of_world_model
from dreamgym.pipeline.settings import read_settings
from dreamgym.play.collect import check_collections, collected_task
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.policies.load import policy_file
from dreamgym.tasks import Task, get_task
from dreamgym.world_model import WorldModel
from dreamgym.world_model_folder import pretrained_names

Args = TypeVar("Args")
FAILED, INTERRUPTED = 2, 130
FIRST_FLAGS = (
    {"evaluate": "--policy", "record": "--policy", "collect": "--folder", "sync": "--action"}
    | dict.fromkeys(("status", "export"), "--experiment")
    | dict.fromkeys(("play", "web"), "--world-model")
)
"""The flag that a first word without a flag stands for."""

# TensorFlow tells every process that imports it a dozen lines about CPUs and drivers.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def run(name: str, module: Any, words: Sequence[str]) -> None:
    """Runs a command's module: its ``run`` on its parsed ``Args``. An error that a user can mend ends as one line.

    A module may have a ``parse`` of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal's encoding may lack ± and the like
    if str(Path.cwd()) not in sys.path:  # so that `--task mymodule:TASK` finds the user's module
        sys.path.insert(0, str(Path.cwd()))
    words = [_expand_home(word) for word in words]
    if name in FIRST_FLAGS and words and not words[0].startswith("-"):
        words = [FIRST_FLAGS[name], *words]
    try:
        args = module.parse(words) if hasattr(module, "parse") else parse(name, module.Args, words)
        module.run(args)
        sys.stdout.flush()
    except DreamGymError as error:
        _fail(str(error), error)
    except BrokenPipeError as error:  # the reader of a pipe, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(FAILED) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}", error)
    except KeyboardInterrupt as error:
        print("interrupted; the same command continues from here", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from error


def parse(name: str, args_class: type[Args], words: Sequence[str], default: Args | None = None) -> Args:
    """Parses words into a frozen dataclass. The docstrings of its fields make the help text."""
    if default is None:
        return tyro.cli(args_class, args=words, prog=f"dreamgym {name}")
    return tyro.cli(args_class, args=words, prog=f"dreamgym {name}", default=default)


def _expand_home(word: str) -> str:
    """A word whose ``~`` the shell left alone, as in ``--output=~/scores.json``."""
    flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return flag + equals + (os.path.expanduser(value) if value.startswith("~") else value)


def _fail(message: str, error: Exception) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)  # in one line, whatever arrays it shows
    raise SystemExit(FAILED) from error


def complete(env: EnvSettings, policy: str) -> EnvSettings:
    """Fills in what the user left out: the world model that belongs to a policy's file, and the task.

    A world model is looked for beside the file and in the experiment that it lies in. The task comes from that
    experiment's config; without any hint it is the default game.
    """
    file = policy_file(policy)
    world_model, task = env.world_model, env.task
    if world_model is None and file is not None and (found := find_world_model_of(file)) is not None:
        world_model = str(found)
    places = [Path(place) for place in (world_model, file) if place is not None]
    task = task or task_of(places) or (None if world_model else DEFAULT_GAME)
    return replace(env, world_model=world_model, task=task)


def task_for(name: str | None, folders: Sequence[Path]) -> Task:
    """The task of a command that reads episodes or latents: the one named, theirs, or the default game.

    Raises:
        DataError: The folders' episodes are of another task, or of an earlier definition of it.
    """
    task = get_task(name or task_of(folders) or next(filter(None, map(collected_task, folders)), DEFAULT_GAME))
    check_collections(folders, task)
    return task


def task_of(places: Sequence[Path]) -> str | None:
    """The task of the experiment that one of the files or folders lies in; None if none does."""
    return next(filter(None, map(_task_of_experiment, places)), None)


def policy_places(policy: str) -> list[Path]:
    """The file of a policy, and where its world model may lie."""
    file = policy_file(policy)
    if file is None:
        return [Path(policy)] if "/" in policy else []  # a folder that is not here yet
    return [file, *places_of_world_model(file)]


def _task_of_experiment(path: Path) -> str | None:
    experiment = find_experiment_of(path)
    try:
        return None if experiment is None else read_settings(experiment).task
    except ExperimentError:  # another program's config.json in some folder above
        return None


def load_trained(
    name: str, task: str | None = None, controller: str | None = None
) -> tuple[WorldModel, LinearController | None]:
    """A world model and the controller that belongs to it, or another one; None if there is none.

    Args:
        name: An experiment, the folder of a world model, or a pretrained name.
        task: The task as package.module:TASK; the experiment's if None.
        controller: A controller's .npz or a pretrained name; if None, what lies beside the world model.

    Raises:
        ExperimentError: An experiment is not finished, or there is none.
        WorldModelError: The world model is missing or broken.
        PolicyError: The controller is missing or broken.
    """
    folder = Path(name).expanduser()
    if name in pretrained_names() or (folder / "world_model.json").is_file():
        file = policy_file(name)
        own = find_experiment_of(folder / "world_model.json")
        if file is None and own is not None and own.world_model.resolve() == folder.resolve():
            file = own.controller if own.controller.exists() else None
        if task is not None or (task := task_of([folder])) is not None:
            get_task(task)
        world_model = WorldModel.load(name)
    else:
        experiment = Experiment.named(name)
        if not experiment.config_path.exists():
            raise ExperimentError(
                f"{experiment.folder} holds no experiment and {name!r} is no world model; expected an experiment, a "
                f"world model's folder or a pretrained name: {pretrained_names()}"
            )
        get_task(task or read_settings(experiment).task)
        file = experiment.controller
        if not file.exists():
            raise ExperimentError(
                f"{experiment.folder} has no selected controller yet; run dreamgym pipeline to its end"
            )
        world_model = WorldModel.load(experiment.world_model)
    if controller is not None:
        file = policy_file(controller) or Path(controller)
    return world_model, None if file is None else LinearController.load(file)
