"""The world models that ship, each with the controller that was trained in it."""

from pathlib import Path
from typing import NamedTuple

from dreamgym.policies.controller import LinearController
from dreamgym.world_model import WorldModel
from dreamgym.world_model_folder import find_world_model


class Pretrained(NamedTuple):
    """A world model and its controller."""

    world_model: WorldModel  # V, M and starts
    controller: LinearController  # C
    folder: Path  # where their files are


def pretrained(name: str | Path = "car-racing") -> Pretrained:
    """Loads a world model that ships, or an exported one, with its controller.

    Args:
        name: The name of one that ships, or a folder that ``dreamgym export`` wrote.

    Raises:
        WorldModelError: There is no such world model, or it is broken.
        PolicyError: The folder holds no controller.
    """
    folder = find_world_model(name)
    return Pretrained(WorldModel.load(folder), LinearController.load(folder / "controller.npz"), folder)
