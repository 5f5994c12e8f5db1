"""Flappy bird (flappy-bird-gymnasium), which observes numbers, seen through its pictures."""

from typing import Any

import flappy_bird_gymnasium
import gymnasium as gym
from gymnasium.wrappers import AddRenderObservation

import dreamgym


def make_game(render_mode: str | None = None, **kwargs: Any) -> gym.Env:
    bird = flappy_bird_gymnasium.FlappyBirdEnv(use_lidar=False, render_mode="rgb_array", **kwargs)
    return AddRenderObservation(bird, render_only=True)


if "PixelFlappyBird-v0" not in gym.registry:
    gym.register("PixelFlappyBird-v0", entry_point=make_game)

FLAPPY_BIRD = dreamgym.register_task(
    dreamgym.Task(
        name="flappy_bird",
        env_id="PixelFlappyBird-v0",
        frame_rows=(0, 400),  # without the ground
        horizon=300,
    )
)
