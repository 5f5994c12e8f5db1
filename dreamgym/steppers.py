"""How many dreams are stepped: one by one, by NumPy, by a compiled call a step, or a population a block at once."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from dreamgym.actions import Array
from dreamgym.blas import one_thread
from dreamgym.dynamics import MemoryArrays, Noise, lstm_step, sample
from dreamgym.single_stepper import SingleStepper
from dreamgym.world_model import WorldModel

PopulationPolicy = Callable[[Any, Array, Array], Array]


class Stepper(Protocol):
    """Holds the state of N dreams and steps them."""

    def __init__(self, world_model: WorldModel, n_dreams: int): ...

    def observations(self) -> np.ndarray:
        """``[z, h]``, a new float32 array ``(N, Z + H)``."""

    def put(self, rows: np.ndarray, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> None:
        """Sets the states of some rows, which may be the very arrays that the last step gave."""

    def step(self, codes: np.ndarray, noise: Noise, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps all dreams: the reward's target and the logit of ``terminated``, ``(N,)`` float32 each.

        Args:
            codes: Coded actions, ``(N, A)``.
            noise: ``(N, Z)`` each.
            temperatures: ``(N,)``.
        """


class SeparateStepper:
    """Steps very few dreams one after the other, which is sooner done than what a batch needs beyond its arithmetic.

    Each keeps M's weights in a layout of its own.

    Args:
        world_model: What is dreamt of.
        n_dreams: N.
    """

    def __init__(self, world_model: WorldModel, n_dreams: int):
        self._steppers = [SingleStepper(world_model.memory, world_model.n_mixtures) for _ in range(n_dreams)]

    def observations(self) -> np.ndarray:
        """See :class:`Stepper`."""
        return np.stack([stepper.observation() for stepper in self._steppers])

    def put(self, rows: np.ndarray, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> None:
        """See :class:`Stepper`."""
        for k, row in enumerate(rows):
            self._steppers[row].begin(z[k], h[k], c[k], 1.0)

    def step(self, codes: np.ndarray, noise: Noise, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Stepper`."""
        results = np.empty((2, len(self._steppers)), np.float32)
        for k, stepper in enumerate(self._steppers):
            stepper.heat(temperatures[k])
            results[:, k] = stepper.step(codes[k], Noise(noise.uniform[k], noise.normal[k]))
        return results[0], results[1]


class NumpyStepper:
    """Steps a few dreams sooner than a call into TensorFlow would, and without loading it.

    Args:
        world_model: What is dreamt of.
        n_dreams: N.
    """

    def __init__(self, world_model: WorldModel, n_dreams: int):
        self._memory, self._n_mixtures = world_model.memory, world_model.n_mixtures
        self._z = np.zeros((n_dreams, world_model.latent_size), np.float32)
        self._h = np.zeros((n_dreams, world_model.hidden_size), np.float32)
        self._c = np.zeros_like(self._h)

    def observations(self) -> np.ndarray:
        """See :class:`Stepper`."""
        return np.concatenate([self._z, self._h], axis=-1)

    def put(self, rows: np.ndarray, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> None:
        """See :class:`Stepper`."""
        self._z[rows], self._h[rows], self._c[rows] = z, h, c

    def step(self, codes: np.ndarray, noise: Noise, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Stepper`."""
        with one_thread():
            self._h, self._c = lstm_step(np, self._memory, self._z, codes, self._h, self._c)
            prediction = sample(np, self._memory, self._h, noise, temperatures[:, None], self._n_mixtures)
        self._z = prediction.z
        return prediction.target, prediction.done_logit


class CompiledStepper:
    """Steps many dreams by one compiled program, on whatever device TensorFlow sees.

    The state stays in TensorFlow between steps; only the observations come out.

    Args:
        world_model: What is dreamt of.
        n_dreams: N.
    """

    def __init__(self, world_model: WorldModel, n_dreams: int):
        import tensorflow as tf

        self._tensor = tf.convert_to_tensor
        self._memory = tuple(self._tensor(array) for array in world_model.memory)
        self._program = _step_program(world_model.n_mixtures, (n_dreams, *world_model.memory.kernel.shape))
        self._latent_size = world_model.latent_size
        self._observations = tf.zeros((n_dreams, world_model.latent_size + world_model.hidden_size))
        self._c = tf.zeros((n_dreams, world_model.hidden_size))

    def observations(self) -> np.ndarray:
        """See :class:`Stepper`."""
        return self._observations.numpy()

    def put(self, rows: np.ndarray, z: np.ndarray, h: np.ndarray, c: np.ndarray) -> None:
        """See :class:`Stepper`."""
        observations, cells = self._observations.numpy(), self._c.numpy()
        observations[rows, : self._latent_size], observations[rows, self._latent_size :], cells[rows] = z, h, c
        self._observations, self._c = self._tensor(observations), self._tensor(cells)

    def step(self, codes: np.ndarray, noise: Noise, temperatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`Stepper`."""
        self._observations, self._c, target, logit = self._program(
            self._memory, self._observations, self._c, codes, noise.uniform, noise.normal, temperatures
        )
        return target.numpy(), logit.numpy()


@lru_cache(maxsize=8)
def _step_program(n_mixtures: int, shapes: tuple[int, ...]) -> Any:
    """A step compiled for ``shapes``; each has its own function, since TensorFlow warns of one that it retraces."""
    import tensorflow as tf
    from tensorflow.experimental import numpy as tnp

    @tf.function(jit_compile=True, autograph=False)
    def step(
        memory: Any, observations: Any, c: Any, codes: Any, uniform: Any, normal: Any, temperatures: Any
    ) -> tuple[Any, Any, Any, Any]:
        memory = MemoryArrays(*memory)
        size = normal.shape[-1]
        z, h = observations[:, :size], observations[:, size:]
        h, c = lstm_step(tnp, memory, z, codes, h, c)
        prediction = sample(tnp, memory, h, Noise(uniform, normal), temperatures[:, None], n_mixtures)
        return tf.concat([prediction.z, h], -1), c, prediction.target, prediction.done_logit

    return step


@lru_cache(maxsize=32)
def population_program(policy: PopulationPolicy, n_mixtures: int, shapes: tuple[Any, ...]) -> Callable[..., Any]:
    """A block of steps of all dreams, compiled for ``shapes``: ``(state, totals)`` from the ones before.

    Noise is an input, because drawing it inside an XLA program on the CPU costs several times the products.
    """
    import tensorflow as tf
    from tensorflow.experimental import numpy as tnp

    @tf.function(jit_compile=True, autograph=False)
    def block(
        memory: Any,
        parameters: Any,
        noise: Any,
        temperatures: Any,
        masks: Any,
        bounds: Any,
        price: Any,
        state: Any,
        totals: Any,
        n_steps: Any,
    ) -> Any:
        memory = MemoryArrays(*memory)
        n_candidates, n_dreams, size = state[0].shape
        rows = n_candidates * n_dreams

        def flat(x: Any) -> Any:
            shape = (n_candidates, n_dreams, x.shape[-1])
            return tf.reshape(tf.broadcast_to(x, shape), (rows, x.shape[-1]))

        spread = flat(temperatures[:, None])
        mask = None if masks is None else flat(masks)

        def advance(t: Any, z: Any, h: Any, c: Any, total: Any, length: Any, alive: Any) -> Any:
            observations = tf.reshape(tf.concat([z, h], -1), (n_candidates, n_dreams, size + h.shape[-1]))
            action = policy(tnp, parameters, observations)
            action = tf.clip_by_value(tf.reshape(action, (rows, bounds.shape[-1])), bounds[0], bounds[1])
            h, c = lstm_step(tnp, memory, z, action, h, c, mask)
            drawn = Noise(flat(noise[0][:, :, t]), flat(noise[1][:, :, t]))
            z, target, done = sample(tnp, memory, h, drawn, spread, n_mixtures)
            total = total + tf.where(alive, price[0] * target + price[1], 0.0)
            length = length + tf.cast(alive, tf.int32)
            return t + 1, z, h, c, total, length, tf.logical_and(alive, done <= 0)

        begun = [flat(x) for x in state] + [tf.reshape(x, (rows,)) for x in totals]
        ended = tf.while_loop(lambda t, *_: t < n_steps, advance, (0, *begun))
        shape = (n_candidates, n_dreams)
        state = tuple(tf.reshape(x, (*shape, x.shape[-1])) for x in ended[1:4])
        return state, tuple(tf.reshape(x, shape) for x in ended[4:])

    return block
