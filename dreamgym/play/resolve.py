"""From the names that people pass to the objects that play: a task, its actions, a world model, a policy."""

import os
import sys
from dataclasses import dataclass, replace

from dreamgym.actions import ActionCodec
from dreamgym.envs.loading import load_world_model
from dreamgym.errors import PolicyError, TaskError
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.exploration import NoisyPolicy
from dreamgym.policies.load import as_policy
from dreamgym.policies.policy import AnyPolicy, Policy
from dreamgym.tasks import Exploration, Task, get_task
from dreamgym.world_model import WorldModel


@dataclass(frozen=True, eq=False)
class Player:
    """A policy, and the env that it plays in."""

    policy: Policy  # what plays
    env: EnvSettings  # which env
    task: Task  # its task
    codec: ActionCodec  # the task's actions
    world_model: WorldModel | None  # what the policy observes with, or dreams in
    frame_skip: int = 1  # steps of the game per decision
    named: str | None = None  # the name or file that led to the policy; None where an object did

    @property
    def source(self) -> Policy | str:
        """What a new process makes the policy of: its name or file, else the policy itself."""
        return self.policy if self.named is None else self.named

    @property
    def max_steps(self) -> int:
        """Steps of the game that an episode lasts at most."""
        return min(self.env.max_steps or self.task.horizon, self.task.horizon)

    @property
    def exploration(self) -> Exploration | None:
        """The noise that the game is explored with, per decision."""
        return _exploration(self.task, self.frame_skip)


def resolve(policy: AnyPolicy, env: EnvSettings) -> Player:
    """Loads what settings name; raises a PolicyError, TaskError or WorldModelError where a part is unknown or unfit."""
    if env.task is not None:
        get_task(env.task)  # imports the task's module before a world model asks for the task
    world_model = None if env.world_model is None else load_world_model(env.world_model)
    task, codec = resolve_task(env.task, world_model)
    skip = env.frame_skip or (task.frame_skip if world_model is None else world_model.frame_skip)
    if world_model is not None and skip != world_model.frame_skip:
        raise TaskError(f"frame-skip is {skip}, the world model was trained with {world_model.frame_skip}")
    player = as_policy(policy, replace(task, exploration=_exploration(task, skip)), codec)
    check_observation(player, world_model)
    if env.env == "dream" and world_model is None:
        raise PolicyError("playing in the dream needs a world model; name its folder")
    named = os.fspath(policy) if isinstance(policy, (str, os.PathLike)) else None
    return Player(player, env, task, codec, world_model, skip, named)


def _exploration(task: Task, frame_skip: int) -> Exploration | None:
    """A task's exploration, with the correlation of successive decisions in place of steps."""
    if task.exploration is None:
        return None
    return replace(task.exploration, correlation=task.exploration.correlation**frame_skip)


def resolve_task(name: str | None, world_model: WorldModel | None) -> tuple[Task, ActionCodec]:
    """A task and its action codec, from a task's name, a world model, or both."""
    if world_model is None:
        if name is None:
            raise TaskError("which task? Name a task or a world model")
        task = get_task(name)
        return task, task_codec(task)
    if name is not None and get_task(name) != world_model.task:
        raise TaskError(f"the world model is of task {world_model.task.name!r}, not of {name!r}; leave the task out")
    return world_model.task, world_model.codec


def task_codec(task: Task) -> ActionCodec:
    """The codec of a task's actions, read from its stock env."""
    env = task.make_env("stock")
    try:
        return ActionCodec(env.action_space)
    finally:
        env.close()


def check_observation(policy: Policy, world_model: WorldModel | None) -> None:
    """Raises a PolicyError where a policy that observes has no world model of the right size."""
    if not policy.needs_latents:
        return
    if world_model is None:
        raise PolicyError(f"policy {policy.name!r} observes [z, h]; name the world model that it observes with")
    inner = policy.policy if isinstance(policy, NoisyPolicy) else policy
    reads, size = getattr(inner, "observation_size", None), world_model.observation_size
    if reads is not None and reads != size:
        raise PolicyError(f"policy {policy.name!r} reads {reads} numbers, the world model gives {size}")


def task_path(task: Task) -> str:
    """How a new process finds a task: ``module:ATTRIBUTE`` where a loaded module holds it, else its name."""
    # __main__ comes last: in a worker it lacks what is under the main guard.
    modules = sorted(sys.modules.items(), key=lambda item: (item[0].startswith("__"), item[0]))
    for name, module in modules:
        for attribute, value in list(vars(module).items()) if module is not None else []:
            if value is task:
                return f"{name}:{attribute}"
    return task.name
