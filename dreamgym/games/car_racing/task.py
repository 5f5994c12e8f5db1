"""CarRacing as a task: the target that M predicts, and the action heads that make steering, gas and brake."""

from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionHead, Array
from dreamgym.tasks import Exploration, Task, register_task

TILE_PRICE = 1000 / 289
"""A dream's reward per tile. The game's is ``1000/N`` on a track of N tiles. N is about 289; frames do not show it."""
STEP_COST = -0.1


def tiles_touched(env: gym.Env, reward: float, terminated: bool) -> float:
    """The number of tiles that a step touched for the first time, from its reward of ``1000/N`` per tile minus 0.1.

    The reward of -100 for leaving the field counts as no tile.
    """
    n_tiles = len(env.unwrapped.track)  # type: ignore[attr-defined]
    return max(0.0, float(round((reward - STEP_COST) * n_tiles / 1000)))


def steer_pedal(xp: Any, outputs: Array) -> Array:
    """Turns two outputs into steering, gas and brake: the tanh of steering and of a pedal, float32 ``(..., 3)``.

    A positive pedal is gas. A negative one is brake, scaled by 0.8 because a brake of 0.9 or more locks the wheels.
    """
    steer, pedal = xp.tanh(outputs[..., 0]), xp.tanh(outputs[..., 1])
    zero = np.float32(0)
    return xp.stack([steer, xp.maximum(pedal, zero), xp.maximum(-pedal, zero) * np.float32(0.8)], axis=-1)


def steer_gently(xp: Any, outputs: Array) -> Array:
    """Like :func:`steer_pedal`, with at most 0.4 of the gas and of the brake.

    With less than half of the gas, the car rarely spins and is only a little slower, so M has less to learn.
    """
    return steer_pedal(xp, outputs) * np.array([1, 0.4, 0.5], np.float32)


def steer_steadily(xp: Any, outputs: Array) -> Array:
    """Like :func:`steer_pedal`, with at most 0.25 of the gas and 0.4 of the brake.

    Fast enough for a whole lap in 1,000 steps, and slow enough for the 37 m of road ahead that a frame shows.
    """
    return steer_pedal(xp, outputs) * np.array([1, 0.25, 0.5], np.float32)


def steer_calmly(xp: Any, outputs: Array) -> Array:
    """Like :func:`steer_pedal`, with at most 0.12 of the gas and 0.4 of the brake.

    With this little gas a car hardly ever leaves the road, and does not complete a lap.
    """
    return steer_pedal(xp, outputs) * np.array([1, 0.12, 0.5], np.float32)


def steer_onwards(xp: Any, outputs: Array) -> Array:
    """Steering, and a pedal that never stops the car: gas from 0.06 to 0.25, and a brake of at most 0.1.

    With both at once the car rolls at 2 m/s. With a stronger brake, drivers stop in a hairpin and stay there for good:
    a dream moves on by itself, so it does not teach what standing costs.
    """
    return _onwards(xp, outputs, 0.25)


def steer_onwards_mildly(xp: Any, outputs: Array) -> Array:
    """Like :func:`steer_onwards`, with at most 0.18 of the gas."""
    return _onwards(xp, outputs, 0.18)


def steer_onwards_calmly(xp: Any, outputs: Array) -> Array:
    """Like :func:`steer_onwards`, with at most 0.12 of the gas."""
    return _onwards(xp, outputs, 0.12)


def _onwards(xp: Any, outputs: Array, most: float) -> Array:
    codes = steer_pedal(xp, outputs) * np.array([1, most, 0.125], np.float32)
    return xp.maximum(codes, np.array([-1, 0.06, 0], np.float32))


def steer_gas_brake(xp: Any, outputs: Array) -> Array:
    """The paper's head: the tanh of three outputs, with gas scaled from -1..1 to 0..1 and the brake clipped at 0."""
    squashed = xp.tanh(outputs)
    gas = (squashed[..., 1] + np.float32(1)) * np.float32(0.5)
    return xp.stack([squashed[..., 0], gas, xp.maximum(squashed[..., 2], np.float32(0))], axis=-1)


CAR_RACING = register_task(
    Task(
        name="car_racing",
        env_id="CarRacing-v3",
        fast_env_id="FastCarRacing-v0",
        blind_kwargs={"draw": False},
        frame_rows=(0, 84),  # without the dashboard
        horizon=1000,
        target=tiles_touched,
        price=TILE_PRICE,
        step_cost=STEP_COST,
        action_heads={
            "steer_steadily": ActionHead(2, steer_steadily),
            "steer_onwards": ActionHead(2, steer_onwards),
            "steer_onwards_mildly": ActionHead(2, steer_onwards_mildly),
            "steer_onwards_calmly": ActionHead(2, steer_onwards_calmly),
            "steer_calmly": ActionHead(2, steer_calmly),
            "steer_gently": ActionHead(2, steer_gently),
            "steer_pedal": ActionHead(2, steer_pedal),
            "steer_gas_brake": ActionHead(3, steer_gas_brake),
        },
        calmer_heads={
            "steer_onwards": ("steer_onwards_mildly", "steer_onwards_calmly"),
            "steer_gently": ("steer_steadily", "steer_onwards_mildly", "steer_calmly"),
            "steer_steadily": ("steer_onwards_mildly", "steer_calmly"),
        },
        start_options={"random_start": True, "skip_zoom": True},
        exploration=Exploration(mean=(0.0, 0.35, -0.1), scale=(0.5, 0.4, 0.25), correlation=0.9),
    )
)
