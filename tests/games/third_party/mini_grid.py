"""A room of MiniGrid's, seen as a whole through MiniGrid's own wrapper: a Dict with a 48x48 image."""

from typing import Any

import gymnasium as gym
from gymnasium.wrappers import TransformAction
from minigrid.envs import EmptyEnv
from minigrid.wrappers import RGBImgObsWrapper

import dreamgym


def make_room(**kwargs: Any) -> gym.Env:
    """The agent starts anywhere, and can only turn left, turn right and go: the room is empty."""
    room = RGBImgObsWrapper(EmptyEnv(size=6, agent_start_pos=None, **kwargs))
    return TransformAction(room, lambda action: action, gym.spaces.Discrete(3))


if "PixelRoom-v0" not in gym.registry:
    gym.register("PixelRoom-v0", entry_point=make_room)

ROOM = dreamgym.register_task(
    dreamgym.Task(
        name="minigrid_room",
        env_id="PixelRoom-v0",
        frame_key="image",
        horizon=100,
        latent_size=8,
        hidden_size=64,
    )
)
