"""World Models as Gymnasium environments.

Importing dreamgym registers its envs and loads neither TensorFlow nor a world model.
"""

import importlib
from typing import Any

import gymnasium as gym

__version__ = "0.1.0"

_EXPORTS = {
    "Task": "dreamgym.tasks",
    "register_task": "dreamgym.tasks",
    "get_task": "dreamgym.tasks",
    "CAR_RACING": "dreamgym.tasks",
    "ActionHead": "dreamgym.actions",
    "WorldModel": "dreamgym.world_model",
    "LinearController": "dreamgym.policies",
    "linear_policy": "dreamgym.policies",
    "imagine": "dreamgym.imagination",
    "dropout_masks": "dreamgym.imagination",
    "evaluate": "dreamgym.evaluation",
    "DreamEnv": "dreamgym.envs.dream",
    "DreamVectorEnv": "dreamgym.envs.dream_vector",
    "LatentEnv": "dreamgym.envs.latent",
    "FastCarRacing": "dreamgym.envs.car_racing",
    "SB3VecEnv": "dreamgym.envs.sb3",
    "DreamGymError": "dreamgym.errors",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'dreamgym' has no attribute {name!r}; it has {__all__}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def register_envs() -> None:
    """Registers the ids with Gymnasium; importing dreamgym has done it, and doing it twice is harmless.

    The dream and the latent env truncate by themselves, single and batched alike, so their ids carry no
    TimeLimit.
    """
    if "WorldModelDream-v0" in gym.registry:
        return
    gym.register(
        "WorldModelDream-v0",
        entry_point="dreamgym.envs.dream:DreamEnv",
        vector_entry_point="dreamgym.envs.dream_vector:DreamVectorEnv",
    )
    gym.register("WorldModelLatent-v0", entry_point="dreamgym.envs.latent:LatentEnv")
    gym.register(
        "FastCarRacing-v0",
        entry_point="dreamgym.envs.car_racing:FastCarRacing",
        max_episode_steps=1000,
        reward_threshold=900,
    )


register_envs()
