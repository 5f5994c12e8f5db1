"""Policies: things that map observations to actions, and how one is named on a command line."""

import importlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec, ActionHead, Array
from dreamgym.errors import ActionError, DreamGymError, PolicyError
from dreamgym.files import read_npz, write_npz
from dreamgym.tasks import Exploration, Task, get_task

CONTROLLER_VERSION = 1
POLICY_HELP = (
    "'random', 'smoothed', 'constant:0,0.3,0' (an action), a controller's .npz, a Stable-Baselines3 .zip, "
    "or 'package.module:callable' (a function from observation to action)"
)


class Policy(Protocol):
    """What plays an episode.

    Attributes:
        name: A short word for folders and tables.
        needs_latents: Whether it looks at ``[z, h]`` at all; one that does not spares V and M.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def needs_latents(self) -> bool:
        """See above."""

    def reset(self, seed: int) -> None:
        """Begins an episode; all that it draws in it follows from ``seed``."""

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The game's action for an observation ``[z, h]``; None is given where ``needs_latents`` is False."""


@dataclass
class RandomPolicy:
    """Draws every action uniformly from the action space."""

    codec: ActionCodec
    name: str = "random"
    needs_latents: bool = False

    def reset(self, seed: int) -> None:
        """Seeds the draws."""
        self._space = ActionCodec.from_json(self.codec.to_json()).space
        self._space.seed(seed)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """A uniform action."""
        return self._space.sample()


class SmoothNoise:
    """Noise that persists: an Ornstein-Uhlenbeck walk over a coded action's numbers, or actions held for a while.

    Args:
        codec: The action space's; a Discrete space gives actions held for 1 to 10 steps.
        exploration: Mean, scale and correlation of the walk; None covers the Box.
        scale: Multiplies the walk's standard deviation.

    Raises:
        PolicyError: The exploration is of another number of dimensions than the Box.
    """

    def __init__(self, codec: ActionCodec, exploration: Exploration | None, scale: float = 1.0):
        self.codec, self.scale = codec, scale
        self.exploration = exploration or _cover(codec)
        sizes = {len(self.exploration.mean), len(self.exploration.scale)}
        if isinstance(codec.space, gym.spaces.Box) and sizes != {codec.size}:
            raise PolicyError(
                f"exploration {self.exploration} does not fit {codec.space}; expected {codec.size} numbers"
            )
        self.mean, self._spread = np.asarray(self.exploration.mean), np.asarray(self.exploration.scale)
        self._fresh_share = np.sqrt(1 - self.exploration.correlation**2)

    def reset(self, seed: int) -> None:
        """Begins a new walk."""
        self._rng = np.random.default_rng([seed, 3])
        self._held, self._steps_left = 0, 0
        self._walk = self._rng.standard_normal(len(self._spread)) * self._spread

    def walk(self) -> np.ndarray:
        """The walk's next offset from its mean, float64, one a number of a Box action."""
        fresh = self._rng.standard_normal(len(self._walk)) * self._spread
        self._walk = self.exploration.correlation * self._walk + self._fresh_share * fresh
        return self._walk * self.scale

    def held(self) -> np.ndarray:
        """The one-hot code of a random Discrete action, changed every 1 to 10 steps."""
        if self._steps_left == 0:
            self._held, self._steps_left = int(self._rng.integers(self.codec.size)), int(self._rng.integers(1, 11))
        self._steps_left -= 1
        return np.eye(self.codec.size, dtype=np.float32)[self._held]

    def uniform(self) -> float:
        """A number in [0, 1) from the walk's own generator."""
        return float(self._rng.random())


@dataclass
class SmoothedRandomPolicy:
    """Random actions that persist for about ten steps, which moves a car further than white noise does."""

    codec: ActionCodec
    exploration: Exploration | None = None
    name: str = "smoothed"
    needs_latents: bool = False

    def reset(self, seed: int) -> None:
        """Begins a new walk."""
        self._noise = SmoothNoise(self.codec, self.exploration)
        self._noise.reset(seed)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The walk's next action."""
        if isinstance(self.codec.space, gym.spaces.Discrete):
            return self.codec.decode(self._noise.held())
        return self.codec.decode(self._noise.walk() + self._noise.mean)


@dataclass
class ConstantPolicy:
    """Always the same action."""

    codec: ActionCodec
    action: Any
    needs_latents: bool = False

    def __post_init__(self) -> None:
        self.code = self.codec.encode(self.action)
        self.name = "constant"

    def reset(self, seed: int) -> None:
        """Nothing to draw."""

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The action."""
        return self.codec.decode(self.code)


@dataclass
class NoisyPolicy:
    """Another policy with smooth noise on its actions: what collects on-policy data around a controller.

    Attributes:
        policy: Whose actions are disturbed.
        codec: The action space's.
        exploration: The task's.
        scale: Of the noise beside the task's exploration; for a Discrete space, how often it takes over.
    """

    policy: Policy
    codec: ActionCodec
    exploration: Exploration | None
    scale: float

    def __post_init__(self) -> None:
        self.name, self.needs_latents = self.policy.name, self.policy.needs_latents

    def reset(self, seed: int) -> None:
        """Begins an episode of both."""
        self.policy.reset(seed)
        self._noise = SmoothNoise(self.codec, self.exploration, self.scale)
        self._noise.reset(seed)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The disturbed action."""
        action = self.policy(observation)
        if isinstance(self.codec.space, gym.spaces.Discrete):
            held, coin = self._noise.held(), self._noise.uniform()
            return self.codec.decode(held) if coin < self.scale else action
        return self.codec.decode(self.codec.encode(action) + self._noise.walk())


@dataclass(frozen=True, eq=False)
class LinearController:
    """C: ``action = head(W [z, h] + b)``.

    Attributes:
        parameters: ``(n_outputs * (O + 1),)`` float32: W by rows, then b. O is the observation's length.
        task: The task's name.
        codec: The game's actions.
        head: The name of the task's action head.

    Raises:
        PolicyError: The parameters do not fit the head, or are not finite.
    """

    parameters: np.ndarray
    task: str
    codec: ActionCodec
    head: str = "default"
    name: str = "controller"
    needs_latents: bool = True

    def __post_init__(self) -> None:
        head = get_task(self.task).head(self.codec, self.head)
        parameters = np.array(self.parameters, np.float32)
        if parameters.ndim != 1 or len(parameters) % head.n_outputs or len(parameters) <= head.n_outputs:
            raise PolicyError(
                f"controller has parameters of shape {parameters.shape}; "
                f"expected {head.n_outputs} x (observation + 1) numbers for head {self.head!r}"
            )
        if not np.isfinite(parameters).all():
            raise PolicyError("controller has parameters that are NaN or infinite; its training went wrong")
        weights, bias = split_parameters(parameters, head.n_outputs)
        for name, value in (("parameters", parameters), ("_head", head), ("_weights", weights.T), ("_bias", bias)):
            object.__setattr__(self, name, value)

    @property
    def observation_size(self) -> int:
        """O, the numbers in the observation it reads."""
        return self._weights.shape[0]  # type: ignore[attr-defined]

    def reset(self, seed: int) -> None:
        """Nothing to draw: the controller is deterministic."""

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The game's action for one observation ``(O,)``."""
        return self.codec.decode(self.codes(observation))

    def codes(self, observations: Any) -> np.ndarray:
        """Coded actions ``(..., A)`` for observations ``(..., O)``."""
        outputs = np.asarray(observations, np.float32) @ self._weights + self._bias  # type: ignore[attr-defined]
        return self._head.function(np, outputs)  # type: ignore[attr-defined]

    def save(self, path: str | Path) -> Path:
        """Writes the controller as an ``.npz`` that needs no pickle, whole or not at all."""
        arrays = {
            "format_version": np.array(CONTROLLER_VERSION),
            "parameters": self.parameters,
            "task": np.array(self.task),
            "head": np.array(self.head),
            "action_space": np.array(json.dumps(self.codec.to_json())),
        }
        write_npz(Path(path), arrays)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> "LinearController":
        """Loads a saved controller.

        Raises:
            PolicyError: The file is missing, broken or no controller, or its task is not registered.
        """
        path = Path(path)
        if not path.is_file():
            raise PolicyError(f"controller {path} does not exist; expected an .npz that training wrote")
        try:
            arrays = read_npz(path)
            version = int(arrays["format_version"])
            if version > CONTROLLER_VERSION:
                raise PolicyError(f"has format {version}, this dreamgym reads up to {CONTROLLER_VERSION}")
            codec = ActionCodec.from_json(json.loads(str(arrays["action_space"])))
            return cls(arrays["parameters"], str(arrays["task"]), codec, str(arrays["head"]))
        except DreamGymError as error:
            raise PolicyError(f"{path}: {error}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise PolicyError(f"{path} is not a saved controller ({error})") from error


def split_parameters(parameters: Array, n_outputs: int) -> tuple[Array, Array]:
    """Parameters ``(..., n_outputs * (O + 1))`` as weights ``(..., n_outputs, O)`` and bias ``(..., n_outputs)``."""
    size = parameters.shape[-1] - n_outputs
    weights = parameters[..., :size].reshape((*parameters.shape[:-1], n_outputs, size // n_outputs))
    return weights, parameters[..., size:]


def linear_policy(head: ActionHead) -> Callable[[Any, Array, Array], Array]:
    """The linear controller as a function of its parameters, for whole populations.

    Returns:
        ``policy(xp, parameters, observations)``: coded actions ``(C, D, A)`` for parameters
        ``(C, n_outputs * (O + 1))`` and observations ``(C, D, O)``.
    """

    def policy(xp: Any, parameters: Array, observations: Array) -> Array:
        size = observations.shape[-1] * head.n_outputs
        shape = (parameters.shape[0], head.n_outputs, observations.shape[-1])
        weights = xp.reshape(parameters[:, :size], shape)
        outputs = xp.matmul(observations, xp.swapaxes(weights, 1, 2)) + parameters[:, None, size:]
        return head.function(xp, outputs)

    return policy


class CallablePolicy:
    """Any function from observation to action; it may be stateless Python or hold an agent."""

    needs_latents = True

    def __init__(self, function: Callable[[np.ndarray], Any], name: str):
        self.function, self.name = function, name

    def reset(self, seed: int) -> None:
        """Tells the function's own ``reset(seed)``, if it has one."""
        reset = getattr(self.function, "reset", None)
        if callable(reset):
            reset(seed)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """What the function says."""
        assert observation is not None
        return self.function(observation)


def load_policy(spec: str, task: Task, codec: ActionCodec) -> Policy:
    """The policy that a command line names.

    Args:
        spec: 'random', 'smoothed', 'constant:<numbers>', a controller's ``.npz``, a Stable-Baselines3 ``.zip``,
            or ``package.module:callable``.
        task: What is played.
        codec: Its actions.

    Raises:
        PolicyError: There is no such policy, or it does not fit the task.
    """
    if spec == "random":
        return RandomPolicy(codec)
    if spec == "smoothed":
        return SmoothedRandomPolicy(codec, task.exploration)
    if spec.startswith("constant:"):
        return _constant(spec.removeprefix("constant:"), codec)
    if spec.endswith(".npz"):
        controller = LinearController.load(spec)
        if controller.task != task.name or controller.codec.to_json() != codec.to_json():
            raise PolicyError(f"{spec} is a controller of task {controller.task!r}, it cannot play {task.name!r}")
        return controller
    if spec.endswith(".zip"):
        return _load_sb3(spec)
    if ":" in spec:
        return CallablePolicy(_import_callable(spec), spec.rpartition(":")[2])
    raise PolicyError(f"policy {spec!r} is unknown; expected {POLICY_HELP}")


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


def _load_sb3(path: str) -> Policy:
    if not Path(path).is_file():
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


def _cover(codec: ActionCodec) -> Exploration:
    if isinstance(codec.space, gym.spaces.Discrete):
        return Exploration(mean=(), scale=())
    assert isinstance(codec.space, gym.spaces.Box)
    low, high = codec.space.low.reshape(-1), codec.space.high.reshape(-1)
    return Exploration(tuple(((low + high) / 2).tolist()), tuple(((high - low) / 2).tolist()))
