"""How a policy is named on a command line."""

import importlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import ActionError, PolicyError
from dreamgym.policies.controller import LinearController
from dreamgym.policies.exploration import SmoothedRandomPolicy
from dreamgym.policies.policy import CallablePolicy, ConstantPolicy, Policy, RandomPolicy
from dreamgym.tasks import Task
from dreamgym.world_model_folder import PRETRAINED

POLICY_HELP = (
    "'random', 'smoothed', 'constant:0,0.3,0' (an action), a controller's .npz, the name of a pretrained world model, "
    "a Stable-Baselines3 .zip, or 'package.module:callable' (a function from observation to action)"
)


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
        controller = LinearController.load(path)
        if controller.task != task.name or controller.codec.to_json() != codec.to_json():
            raise PolicyError(f"{spec} is a controller of task {controller.task!r}, it cannot play {task.name!r}")
        return controller
    if path is not None:
        return _load_sb3(path)
    if ":" in spec:
        return CallablePolicy(_import_callable(spec), spec.rpartition(":")[2])
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


def _load_sb3(path: Path) -> Policy:
    if not path.is_file():
        raise PolicyError(f"{path} does not exist; expected a model that Stable-Baselines3 saved")
    try:
        from stable_baselines3 import PPO
    except ImportError as error:
        raise PolicyError(f"{path} needs Stable-Baselines3; pip install 'dreamgym[sb3]'") from error
    try:
        model = PPO.load(path, device="cpu")
    except (AssertionError, ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise PolicyError(f"{path} is not a PPO model that Stable-Baselines3 saved ({error})") from error
    return CallablePolicy(lambda observation: model.predict(observation, deterministic=True)[0], "ppo")


def _import_callable(path: str) -> Callable[[np.ndarray], Any]:
    module_name, _, attribute = path.rpartition(":")
    try:
        function = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise PolicyError(f"cannot import the policy {path!r}: {error}") from error
    if not callable(function):
        raise PolicyError(f"policy {path!r} is a {type(function).__name__}, expected a function")
    return function
