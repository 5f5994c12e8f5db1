"""``dreamgym play``: the dream and the real game in a window, driven by hand."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from dreamgym.commands import cli
from dreamgym.pipeline.find import find_controller_of
from dreamgym.policies.load import policy_file
from dreamgym.window.settings import DriveSettings
from dreamgym.world_model_folder import find_world_model, pretrained_names


@dataclass(frozen=True)
class Args:
    """Drives the dream in a window: dreamgym play WORLD_MODEL. F1 shows the keys.

    Reads a world model, the car's that ships if none is named, and the controller beside it. Writes films and episodes
    when asked to, by the keys v and k.
    """

    settings: Annotated[DriveSettings, tyro.conf.arg(name="")] = field(default_factory=DriveSettings)


def run(args: Args) -> None:
    """Drives until the window is closed, and prints the name of a film that was still running."""
    from dreamgym.window.play import play

    try:
        film = play(complete(args.settings))
    except KeyboardInterrupt as error:
        raise SystemExit(cli.INTERRUPTED) from error
    if film is not None:
        print(f"saved: {film}")


def complete(settings: DriveSettings) -> DriveSettings:
    """Fills in what the user left out: the world model that ships, its task's module, and its controller."""
    name, policy = settings.world_model, settings.policy
    if name is None and settings.task is None:
        name = next(iter(pretrained_names()), None)
    if name is None:
        return settings
    folder = find_world_model(name)
    if policy is None:
        file = policy_file(name) or find_controller_of(folder)
        policy = None if file is None else str(file)
    return replace(settings, world_model=name, policy=policy, task=settings.task or cli.task_of([Path(folder)]))
