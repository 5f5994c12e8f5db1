"""Take cover as a task: the paper's sizes, observation and action head, and a dream that pays survival."""

from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionHead, Array
from dreamgym.games.take_cover import HORIZON
from dreamgym.tasks import Task, register_task

_THRESHOLD = np.float32(1 / 3)


def nothing(env: gym.Env, reward: float, terminated: bool) -> float:
    """The target of a game whose every step pays the same: there is no reward to predict."""
    return 0.0


def left_stay_right(xp: Any, outputs: Array) -> Array:
    """The paper's head: the tanh of one output, below -1/3 left, above 1/3 right, between them stay.

    Codes are one-hot in the order of the env's actions: stay, right, left.
    """
    output = xp.tanh(outputs[..., 0])
    one, zero = np.float32(1), np.float32(0)
    right = xp.where(output > _THRESHOLD, one, zero)
    left = xp.where(output < -_THRESHOLD, one, zero)
    return xp.stack([one - right - left, right, left], axis=-1)


_QUICK = {
    "rounds": 3,
    "random": {"episodes": 400, "episode_length": None},
    "on_policy": {"episodes": 120, "episode_length": None, "noise": 0.2, "calm": 0.5, "random_starts": 0.0},
    "vision": {"epochs": 5, "first_steps": None},
    "memory": {"epochs": 30, "sequence_length": 250, "patience": 30},
    "memory_again": {"epochs": 10, "sequence_length": 250, "patience": 10},
    "controller": {
        "generations": 40,
        "dreams": 16,
        "horizon": HORIZON,
        "temperature": 1.0,
        "separable": True,
        "select_every": 10,
        "select_tracks": 32,
    },
    "late_horizon": HORIZON,
    "final_tracks": 64,
    "evaluation_episodes": 100,
    "video_steps": HORIZON,
}

TAKE_COVER = register_task(
    Task(
        name="take_cover",
        env_id="TakeCover-v0",
        frame_rows=(0, 200),  # the paper leaves out the rows of the status bar
        horizon=HORIZON,
        frame_skip=4,
        target=nothing,
        price=0.0,
        step_cost=1.0,  # what every tic that is survived pays
        action_heads={"left_stay_right": ActionHead(1, left_stay_right, bias=False)},
        latent_size=64,
        hidden_size=512,
        usual_length=500,
        presets={"quick": _QUICK},
        observes_cell=True,
    )
)
