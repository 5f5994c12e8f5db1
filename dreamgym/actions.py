"""Actions: the game's own, their codes for M, and the heads that turn a policy's outputs into codes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.errors import ActionError, TaskError
from dreamgym.running.provenance import later_field

Array = Any  # a NumPy array or a TensorFlow tensor, depending on the array namespace


@dataclass(frozen=True)
class ActionCodec:
    """Turns actions of a Box or Discrete space into M's float vectors, their codes, and back.

    The code of a Box action is the action itself, flattened; the code of a Discrete one is one-hot.
    """

    space: gym.Space  # the game's own

    def __post_init__(self) -> None:
        if isinstance(self.space, gym.spaces.Box):
            if not self.space.is_bounded():
                raise TaskError(f"action space {self.space} is unbounded; dreamgym needs finite bounds")
        elif not isinstance(self.space, gym.spaces.Discrete):
            raise TaskError(f"action space {self.space} is not supported; expected a Box or a Discrete space")

    @property
    def size(self) -> int:
        """The length of a coded action."""
        if isinstance(self.space, gym.spaces.Discrete):
            return int(self.space.n)
        return int(np.prod(self.space.shape or (1,)))

    def encode(self, action: Any) -> np.ndarray:
        """The code of one action: a new float32 array ``(size,)``. A Box action is clipped to its bounds.

        Raises:
            ActionError: The action holds NaN, has another shape, or is no member of a Discrete space.
        """
        if isinstance(self.space, gym.spaces.Discrete):
            return self._one_hot(action)
        values = self._numbers(action)
        if values.shape != self.space.shape:
            raise ActionError(f"action has shape {values.shape}, expected {self.space.shape} for {self.space}")
        low, high = self._float_bounds
        code: np.ndarray = np.minimum(np.maximum(values, low), high).reshape(-1)
        if math.isnan(sum(code.tolist())):  # clipping keeps NaN; for a few numbers this check is the fastest
            raise self._nan_error(action)
        return code

    def encode_batch(self, actions: Any) -> np.ndarray:
        """The codes of a batch of actions, shape ``(n, size)`` float32; errors as in :meth:`encode`."""
        if isinstance(self.space, gym.spaces.Discrete):
            choices = np.asarray(actions)
            if choices.ndim not in (1, 2) or choices.size != len(choices):
                raise ActionError(f"actions have shape {choices.shape}, expected (n,) for {self.space}")
            places = (
                choices.reshape(-1) - self.space.start if np.issubdtype(choices.dtype, np.integer) else np.array([-1])
            )
            if np.any((places < 0) | (places >= self.size)):
                raise ActionError(f"actions {actions!r} are not all in {self.space}")
            return np.eye(self.size, dtype=np.float32)[places]
        values = self._numbers(actions)
        if values.ndim < 1 or values.shape[1:] != self.space.shape:
            raise ActionError(f"actions have shape {values.shape}, expected {('n', *(self.space.shape or ()))}")
        low, high = self._float_bounds
        codes: np.ndarray = np.minimum(np.maximum(values, low), high).reshape(len(values), self.size)
        if np.isnan(codes).any():
            raise self._nan_error(actions)
        return codes

    def decode(self, code: np.ndarray) -> Any:
        """The game's action for a code of shape ``(size,)``: a new array, or an int for a Discrete space.

        Raises:
            ActionError: The code holds NaN.
        """
        if isinstance(self.space, gym.spaces.Discrete):
            return int(np.argmax(code)) + int(self.space.start)
        assert isinstance(self.space, gym.spaces.Box)
        values = np.asarray(code).reshape(self.space.shape)
        if self.space.dtype.kind in "iu":
            values = np.rint(values)
        values = np.minimum(np.maximum(values, self.space.low), self.space.high)
        if math.isnan(sum(values.ravel().tolist())):
            raise self._nan_error(code)
        return np.asarray(values, self.space.dtype)

    def _numbers(self, action: Any) -> np.ndarray:
        try:
            return np.asarray(action, np.float32)
        except (TypeError, ValueError) as error:
            raise ActionError(f"action {action!r} is not numeric; expected {self.space}") from error

    def _nan_error(self, action: Any) -> ActionError:
        return ActionError(f"action {action!r} holds NaN; the policy that made it is broken")

    @cached_property
    def _float_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        assert isinstance(self.space, gym.spaces.Box)
        return self.space.low.astype(np.float32), self.space.high.astype(np.float32)

    def _one_hot(self, action: Any) -> np.ndarray:
        assert isinstance(self.space, gym.spaces.Discrete)
        value = np.asarray(action)
        whole = value.shape in ((), (1,)) and value.dtype.kind in "iu"
        place = int(value.item()) - int(self.space.start) if whole else -1
        if not 0 <= place < self.size:
            raise ActionError(f"action {action!r} is not in {self.space}")
        code = np.zeros(self.size, np.float32)
        code[place] = 1.0
        return code

    def new_space(self) -> gym.Space:
        """A new space equal to ``space``. Spaces hold a generator, so they should not be shared."""
        return ActionCodec.from_json(self.to_json()).space

    def to_json(self) -> dict[str, Any]:
        """The space as plain JSON data."""
        if isinstance(self.space, gym.spaces.Discrete):
            return {"type": "Discrete", "n": int(self.space.n), "start": int(self.space.start)}
        assert isinstance(self.space, gym.spaces.Box)
        return {
            "type": "Box",
            "low": self.space.low.tolist(),
            "high": self.space.high.tolist(),
            "dtype": str(self.space.dtype),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ActionCodec":
        """Reads :meth:`to_json`'s data; anything else is a :class:`TaskError`."""
        try:
            if data["type"] == "Discrete":
                return cls(gym.spaces.Discrete(data["n"], start=data["start"]))
            if data["type"] == "Box":
                dtype = np.dtype(data["dtype"]).type
                return cls(gym.spaces.Box(np.array(data["low"], dtype), np.array(data["high"], dtype), dtype=dtype))
        except (KeyError, TypeError, ValueError, AssertionError) as error:
            raise TaskError(f"action space {data!r} is broken ({error!r}); expected what dreamgym wrote") from error
        raise TaskError(f"action space {data!r} is not one dreamgym wrote; expected a Box or a Discrete")


@dataclass(frozen=True)
class ActionHead:
    """How a policy's outputs become a coded action.

    Attributes:
        n_outputs: The number of outputs.
        function: ``function(xp, outputs)`` returns codes ``(..., A)`` for outputs ``(..., n_outputs)``; ``xp`` is the
            array namespace, NumPy's or TensorFlow's.
        bias: Whether a linear controller adds a bias to each output.
    """

    n_outputs: int
    function: Callable[[Any, Array], Array]
    bias: bool = later_field(True)

    def parameter_count(self, observation_size: int) -> int:
        """The number of a linear controller's parameters for observations ``(O,)``."""
        return self.n_outputs * (observation_size + self.bias)


def check_calmer(task: str, heads: Mapping[str, ActionHead], calmer: Mapping[str, Sequence[str]]) -> None:
    """Raises a TaskError unless all heads exist, and calmer ones have as many outputs as the one they stand for."""
    for name, others in calmer.items():
        sizes = {heads[head].n_outputs if head in heads else 0 for head in (name, *others)}
        if len(sizes) > 1 or 0 in sizes:
            raise TaskError(
                f"task {task!r}: calmer_heads of {name!r} are {list(others)}, expected action heads with as many "
                "outputs"
            )


@dataclass(frozen=True)
class Exploration:
    """The noise that a game is explored with: an Ornstein-Uhlenbeck process around ``mean``."""

    mean: tuple[float, ...]  # one number per action dimension of a Box space
    scale: tuple[float, ...]  # the stationary standard deviation per dimension
    correlation: float = 0.9  # the correlation of successive steps. 0.9 keeps an action for about 10 steps.


def default_head(codec: ActionCodec) -> ActionHead:
    """One output per number of the code: tanh scaled to a Box's bounds, or a one-hot code of the largest output."""
    if isinstance(codec.space, gym.spaces.Discrete):
        return ActionHead(codec.size, one_hot_of_largest)
    assert isinstance(codec.space, gym.spaces.Box)
    low, high = codec.space.low.reshape(-1), codec.space.high.reshape(-1)
    middle = ((high + low) / 2).astype(np.float32)
    half = ((high - low) / 2).astype(np.float32)

    def scaled_tanh(xp: Any, outputs: Array) -> Array:
        return xp.tanh(outputs) * half + middle

    return ActionHead(codec.size, scaled_tanh)


def one_hot_of_largest(xp: Any, outputs: Array) -> Array:
    """A one-hot code of the largest output; of equal ones, the first."""
    size = outputs.shape[-1]
    largest = xp.argmax(outputs, axis=-1)
    return xp.where(xp.expand_dims(largest, -1) == xp.arange(size), np.float32(1), np.float32(0))
