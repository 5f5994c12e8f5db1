"""Tasks: what is dreamt of. How a real game is made, seen and paid for, and how large V and M are.

A task is code in a registry, like an env id: saved files hold its name, never an import path.
Register your own with :func:`register_task`, or name it ``package.module:TASK`` wherever a task is asked for.
"""

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec, ActionHead, Array, default_head
from dreamgym.errors import TaskError

FRAME_SIZE = 64
Renderer = Literal["fast", "stock"]


@dataclass(frozen=True)
class Exploration:
    """The noise that a game is explored with: an Ornstein-Uhlenbeck walk around ``mean``.

    Attributes:
        mean: Where the walk is drawn to, one number per action dimension (Box spaces).
        scale: The walk's stationary standard deviation per dimension.
        correlation: How much of the walk is left after a step; 0.9 holds an action for about 10 frames.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    correlation: float = 0.9


def reward_itself(env: gym.Env, reward: float, terminated: bool) -> float:
    """The target of a game whose reward M can predict as it is."""
    return reward


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is dreamt of.

    Attributes:
        name: The name that saved files know the task by.
        env_id: The stock env, the one that scores count in.
        env_kwargs: Keyword arguments for it.
        fast_env_id: An env with the same game and frames that is quicker to step, if there is one.
        blind_kwargs: Keyword arguments with which ``fast_env_id`` leaves out what only its frames need, for players
            that do not look.
        frame_key: The key of the image in a Dict observation; None for a plain image.
        frame_rows: The rows ``(first, past the last)`` of the image that V sees; None for all.
        horizon: Steps after which an episode is truncated, real and dreamt.
        target: ``target(env, reward, terminated)``: what M learns to predict of a step's reward.
        price: What a dream pays for one unit of target.
        step_cost: What a dream pays for every step on top (a cost is negative).
        action_heads: Named ways from a controller's outputs to an action; empty means one tanh (or one
            score) per number of the action.
        start_options: Reset options that spread the beginnings of collected episodes, never used for scores.
        exploration: The noise that the ``smoothed`` policy makes; None draws from the whole space.
        latent_size: V's latent dimensions (z).
        hidden_size: M's LSTM units (h).
        n_mixtures: Gaussians per latent dimension.
    """

    name: str
    env_id: str
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    fast_env_id: str | None = None
    blind_kwargs: Mapping[str, Any] = field(default_factory=dict)
    frame_key: str | None = None
    frame_rows: tuple[int, int] | None = None
    horizon: int = 1000
    target: Callable[[gym.Env, float, bool], float] = reward_itself
    price: float = 1.0
    step_cost: float = 0.0
    action_heads: Mapping[str, ActionHead] = field(default_factory=dict)
    start_options: Mapping[str, Any] | None = None
    exploration: Exploration | None = None
    latent_size: int = 32
    hidden_size: int = 256
    n_mixtures: int = 5

    def __post_init__(self) -> None:
        if not self.name or ":" in self.name:
            raise TaskError(f"a task cannot be named {self.name!r}; a colon stands for 'package.module:TASK'")
        for size in ("horizon", "latent_size", "hidden_size", "n_mixtures"):
            if getattr(self, size) < 1:
                raise TaskError(f"task {self.name!r}: {size} is {getattr(self, size)}, expected 1 or more")
        if self.blind_kwargs and not self.fast_env_id:
            raise TaskError(f"task {self.name!r}: blind_kwargs are for the fast_env_id, and there is none")

    def make_env(self, renderer: Renderer = "fast", render_mode: str | None = None, blind: bool = False) -> gym.Env:
        """The real game, truncated at the horizon and observed as the game gives it.

        Args:
            renderer: ``fast`` takes ``fast_env_id`` where the task has one, ``stock`` the game as it is.
            render_mode: Gymnasium's.
            blind: Whether nobody looks at the frames, so that they need not be drawn.

        Raises:
            TaskError: The env does not exist or refuses its keyword arguments, or its observation holds no image.
        """
        env_id, kwargs = self.env_id, dict(self.env_kwargs)
        if renderer == "fast" and self.fast_env_id:
            env_id = self.fast_env_id
            kwargs |= self.blind_kwargs if blind else {}
        try:
            env = gym.make(env_id, render_mode=render_mode, max_episode_steps=self.horizon, **kwargs)
        except (gym.error.Error, ImportError, TypeError) as error:
            raise TaskError(f"task {self.name!r}: cannot make the env {env_id!r}: {error}") from error
        try:
            self._check_image(env.observation_space)
        except TaskError:
            env.close()
            raise
        return env

    def frame(self, observation: Any) -> np.ndarray:
        """What V sees of an observation: a new uint8 array of shape ``(64, 64, 3)``.

        Larger images are averaged over areas, smaller ones keep their pixels, repeated.
        """
        import cv2

        image = observation if self.frame_key is None else observation[self.frame_key]
        if self.frame_rows is not None:
            image = image[self.frame_rows[0] : self.frame_rows[1]]
        if image.shape[:2] == (FRAME_SIZE, FRAME_SIZE):
            return np.array(image, np.uint8)
        interpolation = cv2.INTER_AREA if min(image.shape[:2]) >= FRAME_SIZE else cv2.INTER_NEAREST
        return cv2.resize(np.ascontiguousarray(image), (FRAME_SIZE, FRAME_SIZE), interpolation=interpolation)

    def head(self, codec: ActionCodec, name: str | None = None) -> ActionHead:
        """The action head of that name; without a name the task's first, or the default one."""
        if not self.action_heads:
            if name not in (None, "default"):
                raise TaskError(f"task {self.name!r} has no action head {name!r}; it has only 'default'")
            return default_head(codec)
        chosen = name or next(iter(self.action_heads))
        if chosen not in self.action_heads:
            raise TaskError(f"task {self.name!r} has no action head {chosen!r}; it has {list(self.action_heads)}")
        return self.action_heads[chosen]

    def _check_image(self, space: gym.Space) -> None:
        if self.frame_key is not None:
            if not isinstance(space, gym.spaces.Dict) or self.frame_key not in space.spaces:
                raise TaskError(f"task {self.name!r}: the observation {space} has no key {self.frame_key!r}")
            space = space.spaces[self.frame_key]
        elif isinstance(space, gym.spaces.Dict):
            raise TaskError(f"task {self.name!r}: the observation is a Dict; set frame_key to one of {list(space)}")
        if space.dtype != np.uint8 or len(space.shape or ()) != 3 or (space.shape or ())[2] != 3:
            raise TaskError(f"task {self.name!r}: expected a uint8 image of shape (h, w, 3), got {space}")


_TASKS: dict[str, Task] = {}


def register_task(task: Task) -> Task:
    """Makes a task known by its name, and gives it back.

    Raises:
        TaskError: Another task already has the name.
    """
    known = _TASKS.setdefault(task.name, task)
    if known is not task and known != task:
        raise TaskError(f"a different task named {task.name!r} is already registered; choose another name")
    return known


def get_task(name: str) -> Task:
    """The task of a registered name or of ``package.module:ATTRIBUTE``.

    Raises:
        TaskError: There is no such task; the message names the nearest.
    """
    if ":" in name:
        return _import_task(name)
    if name in _TASKS:
        return _TASKS[name]
    near = difflib.get_close_matches(name, _TASKS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"registered: {sorted(_TASKS)}."
    raise TaskError(
        f"task {name!r} is not registered; {hint} Import the module that registers it, or name it 'package.module:TASK'"
    )


def _import_task(path: str) -> Task:
    module_name, _, attribute = path.partition(":")
    try:
        task = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise TaskError(f"cannot import the task {path!r}: {error}; expected 'package.module:TASK'") from error
    if not isinstance(task, Task):
        raise TaskError(f"{path!r} is a {type(task).__name__}, expected a dreamgym.Task")
    return register_task(task)


CAR_TILE_PRICE = 1000 / 289  # the game pays 1000/N a tile; N, about 289, cannot be seen in a frame
CAR_STEP_COST = -0.1


def tiles_touched(env: gym.Env, reward: float, terminated: bool) -> float:
    """How many new road tiles a CarRacing step touched, from its reward of ``1000/N`` a tile minus 0.1.

    The -100 that leaving the field costs counts as no tile.
    """
    n_tiles = len(env.unwrapped.track)  # type: ignore[attr-defined]
    return max(0.0, float(round((reward - CAR_STEP_COST) * n_tiles / 1000)))


def steer_and_pedal(xp: Any, outputs: Array) -> Array:
    """Two outputs: steering, and one pedal that is gas when positive and 0.8 of the brake when negative.

    A brake of 0.9 or more locks the wheels, hence the 0.8.
    """
    steer, pedal = xp.tanh(outputs[..., 0]), xp.tanh(outputs[..., 1])
    zero = np.float32(0)
    return xp.stack([steer, xp.maximum(pedal, zero), xp.maximum(-pedal, zero) * np.float32(0.8)], axis=-1)


def steer_gently(xp: Any, outputs: Array) -> Array:
    """As :func:`steer_and_pedal`, with at most 0.4 of the gas and of the brake.

    A car on less than half its gas hardly ever spins and is only a little slower round a lap, so that a dream
    has far less to know about what a driver can do in it.
    """
    return steer_and_pedal(xp, outputs) * np.array([1, 0.4, 0.5], np.float32)


def steer_calmly(xp: Any, outputs: Array) -> Array:
    """As :func:`steer_and_pedal`, with at most 0.12 of the gas and 0.4 of the brake.

    On more gas a driver that learns in a dream goes faster from straight to straight than it can see: the road shows
    some twenty steps ahead, and M, which invents it, hardly ever invents a hairpin.
    """
    return steer_and_pedal(xp, outputs) * np.array([1, 0.12, 0.5], np.float32)


def steer_gas_brake(xp: Any, outputs: Array) -> Array:
    """The paper's three outputs: tanh each; gas is shifted to 0..1 and the brake clipped there."""
    squashed = xp.tanh(outputs)
    gas = (squashed[..., 1] + np.float32(1)) * np.float32(0.5)
    return xp.stack([squashed[..., 0], gas, xp.maximum(squashed[..., 2], np.float32(0))], axis=-1)


CAR_RACING = register_task(
    Task(
        name="car_racing",
        env_id="CarRacing-v3",
        fast_env_id="FastCarRacing-v0",
        blind_kwargs={"draw": False},
        frame_rows=(0, 84),  # the twelve rows below are the indicator bar
        horizon=1000,
        target=tiles_touched,
        price=CAR_TILE_PRICE,
        step_cost=CAR_STEP_COST,
        action_heads={
            "steer_calmly": ActionHead(2, steer_calmly),
            "steer_gently": ActionHead(2, steer_gently),
            "steer_pedal": ActionHead(2, steer_and_pedal),
            "steer_gas_brake": ActionHead(3, steer_gas_brake),
        },
        start_options={"random_start": True, "skip_zoom": True},
        exploration=Exploration(mean=(0.0, 0.35, -0.1), scale=(0.5, 0.4, 0.25), correlation=0.9),
    )
)
