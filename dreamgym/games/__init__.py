"""The games that ship with dreamgym, one package each.

Importing a game's package registers its env ids. Importing the package's module ``task`` registers its
:class:`dreamgym.tasks.Task`. :func:`dreamgym.tasks.get_task` imports that module when it needs the task.
"""

import importlib
import pkgutil

DEFAULT_GAME = "car_racing"
"""The game of a command that is given neither a task nor a world model."""


def game_names() -> list[str]:
    """The names of all games, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def register_envs() -> None:
    """Registers the env ids of all games. This imports the games' packages, but none of their modules."""
    for name in game_names():
        importlib.import_module(f"{__name__}.{name}")
