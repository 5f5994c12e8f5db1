"""From what people pass as a policy to the policy: names, files, functions, agents."""

import importlib
import os
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import ActionError, PolicyError
from dreamgym.policies.controller import LinearController
from dreamgym.policies.exploration import SmoothedRandomPolicy
from dreamgym.policies.policy import AnyPolicy, CallablePolicy, ConstantPolicy, Policy, RandomPolicy, SB3Model
from dreamgym.policies.sb3 import SB3Policy, load_sb3
from dreamgym.tasks import Task
from dreamgym.world_model_folder import PRETRAINED

POLICY_HELP = (
    "'random', 'smoothed', 'constant:0,0.3,0' (an action), a controller's .npz, the name of a pretrained world model, "
    "a .zip that an agent of Stable-Baselines3 or sb3-contrib saved (its VecNormalize statistics are not in it), or "
    "'package.module:callable' (a function from observation to action, an agent or a policy)"
)


def as_policy(policy: AnyPolicy, task: Task, codec: ActionCodec) -> Policy:
    """What people pass as a policy, as a policy for a task and the codec of its actions.

    Raises:
        PolicyError: It is no policy, there is none of that name, or it does not fit the task.
    """
    if isinstance(policy, str):
        return load_policy(policy, task, codec)
    if not isinstance(policy, os.PathLike):
        return _live(policy, task, codec)
    if policy_file(os.fspath(policy)) is None:
        raise PolicyError(
            f"{policy} is no policy's file; expected a controller's .npz, an agent's .zip or their folder"
        )
    return load_policy(os.fspath(policy), task, codec)


def load_policy(spec: str, task: Task, codec: ActionCodec) -> Policy:
    """The policy that ``spec`` names (see :data:`POLICY_HELP`), for a task and the codec of its actions.

    Raises:
        PolicyError: There is no such policy, or it does not fit the task.
    """
    if spec == "random":
        return RandomPolicy(codec)
    if spec == "smoothed":
        return SmoothedRandomPolicy(codec, task.exploration)
    if spec.startswith("constant:"):
        return _constant(spec.removeprefix("constant:"), codec)
    if (path := policy_file(spec)) is not None and path.suffix == ".npz":
        return _fit(LinearController.load(path), task, codec, spec)
    if path is not None:
        return load_sb3(path, codec)
    if ":" in spec:
        return _live(_imported(spec), task, codec, spec)
    raise PolicyError(f"policy {spec!r} is unknown; expected {POLICY_HELP}")


def policy_file(spec: str) -> Path | None:
    """The file that a policy is loaded from, which need not exist; None where it comes from no file.

    A pretrained name, or a folder that holds a world model and its controller, stands for that controller.
    """
    for folder in (Path(spec).expanduser(), PRETRAINED / spec):
        if (folder / "controller.npz").is_file() and (folder / "world_model.json").is_file():
            return folder / "controller.npz"
    return Path(spec).expanduser() if spec.endswith((".npz", ".zip")) else None


def _constant(text: str, codec: ActionCodec) -> ConstantPolicy:
    try:
        if isinstance(codec.space, gym.spaces.Discrete):
            return ConstantPolicy(codec, int(text))
        numbers = np.array([float(word) for word in text.split(",")], np.float32)
        return ConstantPolicy(codec, numbers.reshape(codec.space.shape or ()))
    except ActionError as error:
        raise PolicyError(f"constant action {text!r}: {error}") from error
    except ValueError as error:
        example = "'1'" if isinstance(codec.space, gym.spaces.Discrete) else "'0,0.3,0'"
        raise PolicyError(f"constant action {text!r} is no action of {codec.space}, written like {example}") from error


def _imported(path: str) -> Any:
    module_name, _, attribute = path.rpartition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise PolicyError(f"cannot import the policy {path!r}: {error}") from error


def _live(policy: Any, task: Task, codec: ActionCodec, spec: str | None = None) -> Policy:
    """A policy from an object, which ``spec`` led to if it was imported."""
    shown = "the policy" if spec is None else f"policy {spec!r}"
    if isinstance(policy, type):
        raise PolicyError(f"{shown} is the class {policy.__name__}, expected an instance of it or a function")
    if isinstance(policy, SB3Model):
        return SB3Policy(policy, codec)
    if isinstance(policy, LinearController):
        return _fit(policy, task, codec, shown)
    if isinstance(policy, Policy):
        return policy
    if callable(policy):
        named = getattr(policy, "__name__", type(policy).__name__).strip("<>")
        return CallablePolicy(policy, named if spec is None else spec.rpartition(":")[2])
    raise PolicyError(
        f"{shown} is a {type(policy).__name__}, expected a function from observation to action, an agent of "
        "Stable-Baselines3, an object with name, needs_latents, reset and __call__, or a name or file"
    )


def _fit(controller: LinearController, task: Task, codec: ActionCodec, shown: str) -> LinearController:
    if controller.task != task.name or controller.codec.to_json() != codec.to_json():
        raise PolicyError(f"{shown} is a controller of task {controller.task!r}, it cannot play {task.name!r}")
    return controller
