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


_WHOLE = {"episode_length": None}  # an episode ends by itself
_DREAM = 600  # tics; a long dream says little more of how soon death comes than a short one, and costs far more
_QUICK: dict[str, Any] = {
    "rounds": 1,
    "random": {"episodes": 2000, **_WHOLE},
    "on_policy": {"episodes": 150, "noise": 0.2, "calm": 0.5, "random_starts": 0.0, **_WHOLE},
    # Without contrast V learns the bricks of the walls first, and fireballs that are still far away last.
    "vision": {"epochs": 5, "first_steps": None, "contrast": 50.0, "final_learning_rate": 1e-5},
    # Few whole episodes a batch, for many updates: after 20 epochs 0.22 nats per latent, with 32 a batch 0.31.
    "memory": {"epochs": 14, "batch_size": 8, "sequence_length": 250, "learning_rate": 1e-3, "patience": 14},
    "memory_again": {"epochs": 3, "batch_size": 8, "sequence_length": 250, "learning_rate": 5e-4, "patience": 3},
    "controller": {
        "generations": 40,
        "dreams": 16,
        "horizon": _DREAM,
        "temperature": 1.15,
        "separable": True,
        "select_every": 10,
        "select_tracks": 64,  # lives differ by hundreds of tics: 64 of them tell a mean to 60
    },
    "late_horizon": _DREAM,
    "final_tracks": 128,
    "evaluation_episodes": 100,
    "video_steps": HORIZON,
}
_LAPTOP = _QUICK | {
    "rounds": 4,
    "random": {"episodes": 4000, **_WHOLE},
    "on_policy": _QUICK["on_policy"] | {"episodes": 400},
    "vision": _QUICK["vision"] | {"epochs": 6},
    "controller": _QUICK["controller"] | {"generations": 100, "dreams": 32, "select_every": 20},
    "evaluation_episodes": 300,
}
_PAPER = {
    "frame_skip": 1,
    "random": {"episodes": 10_000, **_WHOLE},
    "memory": {"epochs": 20, "sequence_length": 500},
    "controller": {"env": "dream", "head": None, "horizon": HORIZON, "temperature": 1.15},
    "late_horizon": HORIZON,
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
        usual_length=400,
        presets={"quick": _QUICK, "laptop": _LAPTOP, "paper": _PAPER},
        observes_cell=True,
    )
)
