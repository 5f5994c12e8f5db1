"""Steps of N dreams in lockstep: one after another, as a NumPy batch, or as a compiled TensorFlow program."""

from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from dreamgym.dream.single_stepper import SingleStepper
from dreamgym.models.dynamics import MemoryArrays, Noise, lstm_step, sample
from dreamgym.running.threads import one_thread
from dreamgym.world_model import WorldModel


class Stepper(Protocol):
    """The state of N dreams and their step. The steppers agree to float32 rounding."""

    def __init__(self, world_model: WorldModel, n_dreams: int): ...

    def observations(self) -> np.ndarray:
        """The observations of all dreams, a new float32 array ``(N, O)``."""

    def set_states(self, rows: np.ndarray, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> None:
        """Sets the states of the dreams ``rows``: ``z`` ``(len(rows), Z)``, ``h`` and ``c`` ``(len(rows), H)``."""

    def step(self, codes: np.ndarray, noise: Noise, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps all dreams.

        Args:
            codes: Coded actions, ``(N, A)`` float32.
            noise: ``(N, Z)`` float32 each.
            temperatures: ``(N,)`` float32.

        Returns:
            The predicted reward targets and the logits of ``terminated``, ``(N,)`` float32 each.
        """


class SeparateStepper:
    """Steps the dreams one after another. This is the fastest stepper for up to three dreams.

    Each dream copies M's weights into a layout of its own.
    """

    def __init__(self, world_model: WorldModel, n_dreams: int):
        self._steppers = [SingleStepper.of(world_model) for _ in range(n_dreams)]

    def observations(self) -> np.ndarray:
        """The observations of all dreams, a new float32 array ``(N, O)``."""
        return np.stack([stepper.observation() for stepper in self._steppers])

    def set_states(self, rows: np.ndarray, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> None:
        """Sets the states of some dreams."""
        for k, row in enumerate(rows):
            self._steppers[row].begin(z[k], h[k], c[k], 1.0)  # a step sets the temperature

    def step(self, codes: np.ndarray, noise: Noise, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps all dreams; returns reward targets and logits of ``terminated``."""
        results = np.empty((2, len(self._steppers)), np.float32)
        for k, stepper in enumerate(self._steppers):
            stepper.set_temperature(temperatures[k])
            results[:, k] = stepper.step(codes[k], Noise(noise.uniform[k], noise.normal[k]))
        return results[0], results[1]


class NumpyStepper:
    """Steps the dreams as a NumPy batch. It is faster than TensorFlow for few dreams, and does not load it."""

    def __init__(self, world_model: WorldModel, n_dreams: int):
        self._world_model, self._memory = world_model, world_model.memory
        self._z = np.zeros((n_dreams, world_model.latent_size), np.float32)
        self._h = np.zeros((n_dreams, world_model.hidden_size), np.float32)
        self._c = np.zeros_like(self._h)

    def observations(self) -> np.ndarray:
        """The observations of all dreams, a new float32 array ``(N, O)``."""
        return self._world_model.observation(self._z, self._h, self._c)

    def set_states(self, rows: np.ndarray, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> None:
        """Sets the states of some dreams."""
        self._z[rows], self._h[rows], self._c[rows] = z, h, c

    def step(self, codes: np.ndarray, noise: Noise, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps all dreams; returns reward targets and logits of ``terminated``."""
        with one_thread():
            self._h, self._c = lstm_step(np, self._memory, self._z, codes, (self._h, self._c))
            prediction = sample(np, self._memory, self._h, noise, temperatures[:, None])
        self._z = prediction.z
        return prediction.target, prediction.done_logit


class CompiledStepper:
    """Steps the dreams by an XLA program on TensorFlow's default device.

    M's weights and the state are tensors. A step copies actions, noise and temperatures in, and targets and logits out.
    """

    def __init__(self, world_model: WorldModel, n_dreams: int):
        from dreamgym.running.tensorflow import tf

        self._world_model, self._tensor = world_model, tf.convert_to_tensor
        self._memory = tuple(self._tensor(array) for array in world_model.memory)
        self._program = _step_program((n_dreams, *(array.shape for array in world_model.memory)))
        self._latent_size = world_model.latent_size
        self._z_and_h = tf.zeros((n_dreams, world_model.latent_size + world_model.hidden_size))
        self._c = tf.zeros((n_dreams, world_model.hidden_size))

    def observations(self) -> np.ndarray:
        """The observations of all dreams, a new float32 array ``(N, O)``."""
        observations = self._z_and_h.numpy()
        if not self._world_model.task.observes_cell:
            return observations
        return np.concatenate([observations, self._c.numpy()], axis=-1)

    def set_states(self, rows: np.ndarray, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> None:
        """Sets the states of some dreams. This copies the states of all dreams to NumPy and back."""
        z_and_h, cells = self._z_and_h.numpy(), self._c.numpy()
        z_and_h[rows, : self._latent_size], z_and_h[rows, self._latent_size :], cells[rows] = z, h, c
        self._z_and_h, self._c = self._tensor(z_and_h), self._tensor(cells)

    def step(self, codes: np.ndarray, noise: Noise, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps all dreams; returns reward targets and logits of ``terminated``."""
        self._z_and_h, self._c, target, logit = self._program(
            self._memory, (self._z_and_h, self._c), codes, tuple(noise), temperatures
        )
        return target.numpy(), logit.numpy()

    def __getstate__(self) -> dict[str, Any]:
        """The world model and the state in NumPy. Tensors on a device cannot be pickled, nor can compiled programs."""
        return {"world_model": self._world_model, "z_and_h": self._z_and_h.numpy(), "c": self._c.numpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        CompiledStepper.__init__(self, state["world_model"], len(state["c"]))
        self._z_and_h, self._c = self._tensor(state["z_and_h"]), self._tensor(state["c"])


@lru_cache(maxsize=8)
def _step_program(shapes: tuple[Any, ...]) -> Any:
    """A compiled step for N and the shapes of M's arrays.

    The cache keeps eight programs. One ``tf.function`` for all shapes would keep every program that it compiled.
    """
    from dreamgym.running.tensorflow import tf, tnp

    @tf.function(jit_compile=True, autograph=False)
    def step(memory: Any, state: Any, codes: Any, noise: Any, temperatures: Any) -> tuple[Any, Any, Any, Any]:
        memory, noise, (z_and_h, c) = MemoryArrays(*memory), Noise(*noise), state
        size = noise.normal.shape[-1]
        z, h = z_and_h[:, :size], z_and_h[:, size:]
        h, c = lstm_step(tnp, memory, z, codes, (h, c))
        prediction = sample(tnp, memory, h, noise, temperatures[:, None])
        return tf.concat([prediction.z, h], -1), c, prediction.target, prediction.done_logit

    return step
