"""What a game says of its keys and actions, for those who drive it by hand."""

from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import DreamGymError
from dreamgym.tasks import Task

IDLE_NAMES = ("NOOP", "NOTHING", "STILL", "IDLE", "NO-OP")
"""What games call the action of doing nothing."""
_MOST_OUTPUTS = 8  # of a head that is asked at all its corners


def ask_game(task: Task) -> tuple[Any, list[str]]:
    """The game's ``get_keys_to_action()`` or None, and the names of its actions, which may be unknown."""
    try:
        env = task.make_env("fast", blind=True)
    except DreamGymError:  # a dream can be driven where its game is not installed
        return None, []
    try:
        keys = env.get_wrapper_attr("get_keys_to_action")() if env.has_wrapper_attr("get_keys_to_action") else None
        if env.has_wrapper_attr("get_action_meanings"):
            return keys, [str(name) for name in env.get_wrapper_attr("get_action_meanings")()]
        return keys, [str(action.name) for action in getattr(env.unwrapped, "actions", ()) if hasattr(action, "name")]
    finally:
        env.close()


def reach(task: Task, codec: ActionCodec) -> tuple[np.ndarray, np.ndarray]:
    """How far the task's default action head reaches in a Box space: the least and greatest codes, ``(A,)`` each."""
    assert isinstance(codec.space, gym.spaces.Box)
    low, high = codec.space.low.reshape(-1), codec.space.high.reshape(-1)
    head = task.head(codec)
    if head.n_outputs > _MOST_OUTPUTS:
        return low, high
    corners = np.array(list(product((-1e3, 1e3), repeat=head.n_outputs)), np.float32)
    codes = np.asarray(head.function(np, corners))
    return np.maximum(codes.min(axis=0), low), np.minimum(codes.max(axis=0), high)
