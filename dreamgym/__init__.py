"""World Models as Gymnasium environments.

Importing dreamgym registers its envs. It loads neither TensorFlow nor a world model.
"""

import importlib
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from dreamgym import games

if TYPE_CHECKING:
    from dreamgym.actions import ActionHead as ActionHead
    from dreamgym.dream.gradient import differentiate as differentiate
    from dreamgym.dream.imagination import Dreams as Dreams, dropout_masks as dropout_masks, imagine as imagine
    from dreamgym.envs.dream import DreamEnv as DreamEnv
    from dreamgym.envs.dream_vector import DreamVectorEnv as DreamVectorEnv
    from dreamgym.envs.latent import LatentEnv as LatentEnv
    from dreamgym.envs.sb3 import SB3VecEnv as SB3VecEnv
    from dreamgym.errors import DreamGymError as DreamGymError
    from dreamgym.evaluation.evaluate import evaluate as evaluate
    from dreamgym.evolution.settings import SearchSettings as SearchSettings
    from dreamgym.evolution.train import train_controller as train_controller
    from dreamgym.play.collect import collect as collect
    from dreamgym.play.settings import CollectSettings as CollectSettings, EnvSettings as EnvSettings
    from dreamgym.policies.controller import LinearController as LinearController, linear_policy as linear_policy
    from dreamgym.policies.pretrained import pretrained as pretrained
    from dreamgym.tasks import (
        Exploration as Exploration,
        Task as Task,
        get_task as get_task,
        register_task as register_task,
    )
    from dreamgym.video.record import VideoSettings as VideoSettings, record as record
    from dreamgym.world_model import WorldModel as WorldModel
    from dreamgym.world_model_folder import find_world_model as find_world_model

__version__ = "0.1.0"

_MODULES = {
    "actions": ("ActionHead",),
    "dream.gradient": ("differentiate",),
    "dream.imagination": ("Dreams", "dropout_masks", "imagine"),
    "envs.dream": ("DreamEnv",),
    "envs.dream_vector": ("DreamVectorEnv",),
    "envs.latent": ("LatentEnv",),
    "envs.sb3": ("SB3VecEnv",),
    "errors": ("DreamGymError",),
    "evaluation.evaluate": ("evaluate",),
    "evolution.settings": ("SearchSettings",),
    "evolution.train": ("train_controller",),
    "play.collect": ("collect",),
    "play.settings": ("CollectSettings", "EnvSettings"),
    "policies.controller": ("LinearController", "linear_policy"),
    "policies.pretrained": ("pretrained",),
    "tasks": ("Exploration", "Task", "get_task", "register_task"),
    "video.record": ("VideoSettings", "record"),
    "world_model": ("WorldModel",),
    "world_model_folder": ("find_world_model",),
}
_EXPORTS = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    # The public names load on first use, so that importing dreamgym stays quick.
    if name not in _EXPORTS:
        raise AttributeError(f"module 'dreamgym' has no attribute {name!r}; it has {__all__}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def register_envs() -> None:
    """Registers the env ids with Gymnasium; doing it twice is harmless.

    The dream and the latent env truncate episodes themselves, single and batched, so their ids have no TimeLimit.
    """
    games.register_envs()
    if "WorldModelDream-v0" in gym.registry:
        return
    gym.register(
        "WorldModelDream-v0",
        entry_point="dreamgym.envs.dream:DreamEnv",
        vector_entry_point="dreamgym.envs.dream_vector:DreamVectorEnv",
    )
    gym.register("WorldModelLatent-v0", entry_point="dreamgym.envs.latent:LatentEnv")


register_envs()
