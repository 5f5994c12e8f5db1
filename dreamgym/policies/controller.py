"""C: the linear controller, alone and as a population."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.actions import ActionCodec, ActionHead, Array
from dreamgym.errors import DreamGymError, PolicyError
from dreamgym.running.files import read_npz, write_npz
from dreamgym.running.provenance import FORMATS, check_format
from dreamgym.tasks import get_task
from dreamgym.world_model import WorldModel


@dataclass(frozen=True, eq=False)
class LinearController:
    """C: ``action = head(W observation + b)``, without ``b`` where the head has no bias.

    A controller that is pickled travels as plain data; its task must be registered where it is used.

    Raises:
        PolicyError: The parameters do not fit the head, or are not finite.
    """

    parameters: np.ndarray  # ``(n_outputs * (O + bias),)`` float32: W by rows, then b. O is the observation's length.
    task: str  # the task's name
    codec: ActionCodec  # the game's actions
    head: str = "default"  # the name of the task's action head
    name: str = "controller"
    needs_latents: bool = True

    def __post_init__(self) -> None:
        parameters = np.array(self.parameters, np.float32)
        object.__setattr__(self, "parameters", parameters)
        n_outputs, bias = self.action_head.n_outputs, self.action_head.bias
        if parameters.ndim != 1 or len(parameters) % n_outputs or len(parameters) <= n_outputs * bias:
            raise PolicyError(
                f"controller has parameters of shape {parameters.shape}; "
                f"expected {n_outputs} x (observation{' + 1' if bias else ''}) numbers for head {self.head!r}"
            )
        if not np.isfinite(parameters).all():
            raise PolicyError("controller has parameters that are NaN or infinite; its training went wrong")

    @classmethod
    def zeros(cls, world_model: WorldModel, head: str | None = None) -> "LinearController":
        """A controller of the right size for a world model, all its parameters zero."""
        name = head or world_model.task.default_head_name
        size = world_model.task.head(world_model.codec, name).parameter_count(world_model.observation_size)
        return cls(np.zeros(size, np.float32), world_model.task.name, world_model.codec, name)

    @property
    def observation_size(self) -> int:
        """O, the length of the observation."""
        return len(self.parameters) // self.action_head.n_outputs - self.action_head.bias

    def reset(self, seed: int) -> None:
        """Does nothing: the controller is deterministic."""

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The game's action for one observation ``(O,)``."""
        return self.codec.decode(self.codes(observation))

    def codes(self, observations: Any) -> np.ndarray:
        """Coded actions ``(..., A)`` for observations ``(..., O)``."""
        weights, bias = self.weights_and_bias
        return self.action_head.function(np, np.asarray(observations, np.float32) @ weights + bias)

    @cached_property
    def action_head(self) -> ActionHead:
        """The task's, which turns the outputs into codes."""
        return get_task(self.task).head(self.codec, self.head)

    @cached_property
    def weights_and_bias(self) -> tuple[np.ndarray, np.ndarray]:
        """``(O, n_outputs)`` and ``(n_outputs,)``: the outputs are ``observation @ weights + bias``."""
        weights, bias = split_parameters(np, self.parameters, self.action_head)
        return weights.T, bias

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def save(self, path: str | Path) -> Path:
        """Writes the controller as an ``.npz`` without pickle, whole or not at all."""
        arrays = {
            "format_version": np.array(FORMATS["controller"]),
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
        path = Path(path).expanduser()
        if not path.is_file():
            raise PolicyError(f"controller {path} does not exist; expected an .npz that training wrote")
        try:
            arrays = read_npz(path)
            check_format("controller", arrays["format_version"])
            codec = ActionCodec.from_json(json.loads(str(arrays["action_space"])))
            return cls(arrays["parameters"], str(arrays["task"]), codec, str(arrays["head"]))
        except DreamGymError as error:
            raise PolicyError(f"{path}: {error}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise PolicyError(f"{path} is not a saved controller ({error})") from error


def split_parameters(xp: Any, parameters: Array, head: ActionHead) -> tuple[Array, Array]:
    """Parameters ``(..., n_outputs * (O + bias))`` as weights ``(..., n_outputs, O)`` and bias ``(..., n_outputs)``.

    A head without a bias gets zeros. ``xp`` is the array namespace, ``numpy`` or ``tensorflow.experimental.numpy``.
    """
    shape, n_outputs = parameters.shape[:-1], head.n_outputs
    size = parameters.shape[-1] - n_outputs * head.bias
    weights = xp.reshape(parameters[..., :size], (*shape, n_outputs, size // n_outputs))
    return weights, parameters[..., size:] if head.bias else xp.zeros((*shape, n_outputs), np.float32)


def linear_policy(head: ActionHead) -> Callable[[Any, Array, Array], Array]:
    """The linear controller as a function of its parameters, for populations.

    ``policy(xp, parameters, observations)`` returns coded actions ``(C, D, A)`` for parameters
    ``(C, n_outputs * (O + bias))`` and observations ``(C, D, O)``.
    """

    def policy(xp: Any, parameters: Array, observations: Array) -> Array:
        weights, bias = split_parameters(xp, parameters, head)
        return head.function(xp, xp.matmul(observations, xp.swapaxes(weights, 1, 2)) + bias[:, None])

    return policy
