"""Tasks: which real game is dreamt of, how its frames and rewards are seen, and how large V and M are.

A task is code in a registry, like an env id. Saved files hold its name, never an import path. Register your own with
:func:`register_task`, or name it ``package.module:TASK`` wherever a task is asked for.
"""

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec, ActionHead, Exploration, check_calmer, default_head
from dreamgym.errors import DreamGymError, TaskError, describe
from dreamgym.frame_skip import FrameSkip
from dreamgym.resize import check_image, resize
from dreamgym.running.provenance import counted_fields, differences, later_field, plain_data

FRAME_SIZE = 64
Renderer = Literal["fast", "stock"]
"""``fast`` plays a task's ``fast_env_id`` where it has one; ``stock`` plays its ``env_id``."""


def same_reward(env: gym.Env, reward: float, terminated: bool) -> float:
    """The default target: M predicts the reward itself."""
    return reward


@dataclass(frozen=True, kw_only=True)
class Task:
    """A game, and how it is dreamt of.

    Attributes:
        name: The name that saved files know the task by.
        env_id: The stock env. Scores are reported on it.
        env_kwargs: Its keyword arguments.
        fast_env_id: An env of the same game with the same frames that steps faster; None if there is none.
        blind_kwargs: Keyword arguments with which ``fast_env_id`` does not draw frames, for policies that do not
            observe.
        frame_key: The key of the image in a Dict observation; None for a plain image.
        frame_rows: The rows ``(first, past the last)`` of the image that V sees; None for all.
        horizon: Steps of the game after which an episode is truncated, real and dreamt.
        frame_skip: Steps of the game that one decision lasts: the action is repeated, rewards and targets are summed,
            V sees the last frame. See :class:`dreamgym.frame_skip.FrameSkip`.
        target: ``target(env, reward, terminated)``: the number that M learns to predict for a step.
        price: What a dream pays for one unit of target.
        step_cost: What a dream pays for every step of the game in addition; a cost is negative.
        action_heads: Named maps from a controller's outputs to an action. Empty means one output per number of
            the action.
        calmer_heads: For a head, others of as many outputs that do less. A driver learns in the dream to go as fast as
            M allows, which the game does not. So the selected controller is also tried with these.
        start_options: Reset options that vary where collected episodes start. Scores never use them.
        exploration: The noise of the ``smoothed`` policy; None covers the whole action space.
        latent_size: V's latent dimensions (z).
        hidden_size: M's LSTM units (h).
        n_mixtures: Gaussians per latent dimension.
        usual_length: Steps of the game that an episode lasts where the game ends by itself, roughly; the horizon if
            None. Estimates of time use it, nothing else.
        presets: What the pipeline's presets are otherwise for this game, by preset and by the names of the pipeline's
            settings: ``{"quick": {"rounds": 2, "random": {"episodes": 400}}}``.
        observes_cell: Whether an observation also has M's cell state: ``[z, h, c]`` instead of ``[z, h]``.
    """

    name: str
    env_id: str
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    fast_env_id: str | None = None
    blind_kwargs: Mapping[str, Any] = field(default_factory=dict)
    frame_key: str | None = None
    frame_rows: tuple[int, int] | None = None
    horizon: int = 1000
    frame_skip: int = 1
    target: Callable[[gym.Env, float, bool], float] = same_reward
    price: float = 1.0
    step_cost: float = 0.0
    action_heads: Mapping[str, ActionHead] = field(default_factory=dict)
    calmer_heads: Mapping[str, Sequence[str]] = field(default_factory=dict)
    start_options: Mapping[str, Any] | None = None
    exploration: Exploration | None = None
    latent_size: int = 32
    hidden_size: int = 256
    n_mixtures: int = 5
    usual_length: int | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    observes_cell: bool = later_field(False)

    def __post_init__(self) -> None:
        if not self.name or ":" in self.name:
            raise TaskError(f"a task cannot be named {self.name!r}; a colon stands for 'package.module:TASK'")
        for size in ("horizon", "frame_skip", "latent_size", "hidden_size", "n_mixtures"):
            if getattr(self, size) < 1:
                raise TaskError(f"task {self.name!r}: {size} is {getattr(self, size)}, expected 1 or more")
        if self.blind_kwargs and not self.fast_env_id:
            raise TaskError(f"task {self.name!r}: blind_kwargs are for the fast_env_id, and there is none")
        check_calmer(self.name, self.action_heads, self.calmer_heads)

    @cached_property
    def definition(self) -> dict[str, Any]:
        """Everything that decides the data and the dream, as plain JSON data; functions by name and source."""
        names = set(counted_fields(self)) - _DECIDE_NO_DATA
        return {name: plain_data(getattr(self, name)) for name in sorted(names)}

    def definition_with(self, head: str | None) -> dict[str, Any]:
        """The definition with one action head alone, the default one if None."""
        heads = self.definition["action_heads"]
        name = head or self.default_head_name
        return {"name": self.name, **self.definition, "action_heads": {name: heads[name]} if name in heads else {}}

    @property
    def dream_definition(self) -> dict[str, Any]:
        """The part of the definition that a trained world model's observations and dreams depend on.

        The sizes are those of its arrays, and M stands for the target, of which only the name counts.
        """
        kept = ["frame_key", "frame_rows", "horizon", "price", "step_cost"]
        kept += ["observes_cell"] if self.observes_cell else []
        return {name: plain_data(getattr(self, name)) for name in kept} | {"target": self.target.__name__}

    def make_env(
        self,
        renderer: Renderer = "fast",
        render_mode: str | None = None,
        *,
        blind: bool = False,
        frame_skip: int | None = None,
        max_steps: int | None = None,
    ) -> FrameSkip:
        """The real game in decisions.

        Args:
            renderer: Which of the task's envs.
            render_mode: The env's.
            blind: Frames need not be drawn, nothing observes them.
            frame_skip: Steps of the game per decision; the task's if None.
            max_steps: Steps of the game after which it is truncated; the task's horizon if None.

        Raises:
            TaskError: The env does not exist or refuses its keyword arguments, or its observation holds no image.
        """
        env_id, kwargs = self.played_env_id(renderer), dict(self.env_kwargs)
        if blind and env_id == self.fast_env_id:
            kwargs |= self.blind_kwargs
        if render_mode is not None:  # a game's constructor may lack the argument
            kwargs["render_mode"] = render_mode
        try:
            env = gym.make(env_id, max_episode_steps=max_steps or self.horizon, **kwargs)
        except (gym.error.Error, ImportError, TypeError) as error:
            unknown = isinstance(error, gym.error.UnregisteredEnv)
            hint = " The task's module must import the package that registers the env" if unknown else ""
            raise TaskError(f"task {self.name!r}: cannot make the env {env_id!r}: {error}{hint}") from error
        try:
            check_image(self.name, env.observation_space, self.frame_key)
        except TaskError:
            env.close()
            raise
        return FrameSkip(env, frame_skip or self.frame_skip, self.target)

    def played_env_id(self, renderer: Renderer) -> str:
        """The id of the env that a renderer stands for."""
        return self.fast_env_id if renderer == "fast" and self.fast_env_id else self.env_id

    def frame(self, observation: Any) -> np.ndarray:
        """V's frame of an observation: a new uint8 array of shape ``(64, 64, 3)``."""
        image = observation if self.frame_key is None else observation[self.frame_key]
        return resize(image if self.frame_rows is None else image[slice(*self.frame_rows)], FRAME_SIZE)

    @property
    def default_head_name(self) -> str:
        """The name of the action head that controllers get unless told otherwise."""
        return next(iter(self.action_heads), "default")

    def head(self, codec: ActionCodec, name: str | None = None) -> ActionHead:
        """The action head of a name; without a name the task's first head, or the default one."""
        if not self.action_heads:
            if name not in (None, "default"):
                raise TaskError(f"task {self.name!r} has no action head {name!r}; it has only 'default'")
            return default_head(codec)
        chosen = name or self.default_head_name
        if chosen not in self.action_heads:
            raise TaskError(f"task {self.name!r} has no action head {chosen!r}; it has {list(self.action_heads)}")
        return self.action_heads[chosen]


_DECIDE_NO_DATA = {"name", "blind_kwargs", "calmer_heads", "usual_length", "presets"}  # these fields of a task
_TASKS: dict[str, Task] = {}
_GAMES = "dreamgym.games"  # a game that ships is a package in it, with a module `task`


def register_task(task: Task) -> Task:
    """Registers a task under its name and returns it. Raises TaskError: a different task has the name."""
    registered = _TASKS.setdefault(task.name, task)
    if registered is not task and registered != task:
        if changes := differences(registered.definition, task.definition):
            raise TaskError(
                f"a different task named {task.name!r} is already registered ({', '.join(changes)}); "
                "choose another name, or start Python anew"
            )
        _TASKS[task.name] = task  # the same definition, run again as in a notebook
    return _TASKS[task.name]


def get_task(name: str) -> Task:
    """The task of a registered name, of a game that ships, or of ``package.module:ATTRIBUTE``.

    Raises:
        TaskError: There is no such task; the message names the nearest.
    """
    if ":" in name:
        return _import_task(name)
    games = importlib.import_module(_GAMES)
    if name not in _TASKS and name in games.game_names():
        importlib.import_module(f"{_GAMES}.{name}.task")
    if name in _TASKS:
        return _TASKS[name]
    known = sorted({*_TASKS, *games.game_names()})
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"registered: {known}."
    raise TaskError(
        f"task {name!r} is not registered; {hint} Import the module that registers it, or name it "
        "'package.module:TASK' (--task on a command line)"
    )


def _import_task(path: str) -> Task:
    module_name, _, attribute = path.partition(":")
    hint = "expected 'package.module:TASK'"
    try:
        task = getattr(importlib.import_module(module_name), attribute)
    except DreamGymError:
        raise
    except Exception as error:  # whatever the user's module raises
        if isinstance(error, ModuleNotFoundError) and error.name == module_name.partition(".")[0]:
            hint = f"run this in the folder that holds {error.name}, or put that folder on PYTHONPATH"
        if module_name == "__main__":
            hint = "a worker cannot see what a notebook or a prompt defines: put it into a module, or take workers=0"
        reason = str(error) if isinstance(error, ImportError | AttributeError) else describe(error)
        raise TaskError(f"cannot import the task {path!r}: {reason}; {hint}") from error
    if not isinstance(task, Task):
        raise TaskError(f"{path!r} is a {type(task).__name__}, expected a dreamgym.Task")
    return register_task(task)
