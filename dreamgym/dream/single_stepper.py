"""The step of one dream in NumPy. It uses few calls and writes into arrays that are allocated once.

It computes the step of :mod:`dreamgym.models.dynamics` with another memory layout. For one dream, calling a NumPy
function takes about as long as the function's arithmetic, so the number of calls decides the speed.
"""

from typing import Any

import numpy as np

from dreamgym.models.dynamics import LATENT_BOUND, LOG_SIGMA_BOUNDS, MemoryArrays, Noise
from dreamgym.running.threads import one_thread
from dreamgym.world_model import WorldModel

_HALF = np.array(0.5, np.float32)
_LOW_LOG_SIGMA, _HIGH_LOG_SIGMA = (np.array(bound, np.float32) for bound in LOG_SIGMA_BOUNDS)
_LOW_LATENT, _HIGH_LATENT = np.array(-LATENT_BOUND, np.float32), np.array(LATENT_BOUND, np.float32)

_CACHE_LINE = 64  # bytes


class SingleStepper:
    """The state of one dream and its step.

    The step agrees with :func:`dreamgym.models.dynamics.lstm_step` and :func:`dreamgym.models.dynamics.sample` to 1e-5.
    One vector ``[action, z, h, 1]`` holds all inputs of M. The LSTM reads the whole vector, the heads read ``[h, 1]``,
    and the observation begins with ``[z, h]``. The 1 multiplies the biases, which are the last row of each weight
    matrix.
    """

    def __init__(self, memory: MemoryArrays, n_mixtures: int, *, observes_cell: bool = False):
        n_hidden, n_latents, k = len(memory.recurrent_kernel), _latent_size(memory, n_mixtures), n_mixtures
        n_actions = len(memory.kernel) - n_latents
        self._memory, self._n_mixtures, self._observes_cell = memory, n_mixtures, observes_cell
        self._kernel = _aligned(_stacked_lstm(memory, n_latents))
        self._head_kernel = _aligned(_stacked_heads(memory, n_latents, k))
        self._temperature = self._spread = np.array(1.0, np.float32)
        self._make_inputs(n_actions, n_latents, n_hidden)
        self._make_gates(n_hidden)
        self._make_heads(n_latents, k)

    @classmethod
    def of(cls, world_model: WorldModel) -> "SingleStepper":
        """The stepper of a world model's dream."""
        return cls(world_model.memory, world_model.n_mixtures, observes_cell=world_model.task.observes_cell)

    def _make_inputs(self, n_actions: int, n_latents: int, n_hidden: int) -> None:
        self._inputs = np.zeros(n_actions + n_latents + n_hidden + 1, np.float32)
        self._inputs[-1] = 1.0
        self._action, self._state = self._inputs[:n_actions], self._inputs[n_actions:-1]
        self._z, self._h = self._state[:n_latents], self._state[n_latents:]
        self._h_and_one = self._inputs[n_actions + n_latents :]

    def _make_gates(self, n: int) -> None:
        """One array ``[input, forget, output, candidate, cell]``, so that one call computes the cell's two products."""
        gates = np.zeros(5 * n, np.float32)
        self._gates, self._logistic, self._output = gates[: 4 * n], gates[: 3 * n], gates[2 * n : 3 * n]
        self._input_and_forget, self._candidate_and_cell, self._cell = gates[: 2 * n], gates[3 * n :], gates[4 * n :]
        products = np.empty(2 * n, np.float32)
        self._products, self._admitted, self._kept = products, products[:n], products[n:]

    def _make_heads(self, n: int, k: int) -> None:
        self._heads = np.empty(3 * k * n + 2, np.float32)
        self._logits, self._ends = self._heads[: k * n].reshape(k, n), self._heads[-2:]
        self._means, self._log_sigmas = self._heads[k * n : 2 * k * n], self._heads[2 * k * n : -2]
        self._running_sum = np.tri(k, dtype=np.float32)  # a product with it takes half the time of cumsum
        self._weights, self._cumulative = np.empty((k, n), np.float32), np.empty((k, n), np.float32)
        self._all_but_last, self._total = self._cumulative[:-1], self._cumulative[-1]
        self._reached = np.ones((n, k), bool)  # the last mixture is selected if no other is
        self._reached_before_last = self._reached[:, :-1].T
        self._largest, self._threshold = np.empty(n, np.float32), np.empty(n, np.float32)
        self._mean, self._sigma = np.empty(n, np.float32), np.empty(n, np.float32)
        self._pick, self._first_mixtures = np.empty(n, np.intp), np.arange(n, dtype=np.intp) * k

    def begin(self, z: np.ndarray, h: np.ndarray, c: np.ndarray, temperature: float) -> None:
        """Sets the state ``(Z,)``, ``(H,)``, ``(H,)`` and the temperature."""
        self._z[:], self._h[:], self._cell[:] = z, h, c
        self.set_temperature(temperature)

    def set_temperature(self, temperature: float) -> None:
        """Sets the temperature of the next steps."""
        if temperature != self._temperature:
            self._temperature = np.array(temperature, np.float32)
            self._spread = np.array(np.sqrt(self._temperature))

    def observation(self) -> np.ndarray:
        """``[z, h]``, or ``[z, h, c]`` if it observes the cell state, a new float32 array ``(O,)``."""
        return np.concatenate([self._state, self._cell]) if self._observes_cell else self._state.copy()

    def step(self, code: np.ndarray, noise: Noise) -> tuple[float, float]:
        """Steps the dream with a coded action ``(A,)`` and noise ``(Z,)`` each, float32.

        Returns the predicted reward target and the logit of ``terminated``.
        """
        self._action[:] = code
        with one_thread():
            self._advance()
            np.dot(self._h_and_one, self._head_kernel, self._heads)
            self._pick_mixtures(noise.uniform)
        self._draw(noise.normal)
        target, done_logit = self._ends.tolist()
        return target, done_logit

    def _advance(self) -> None:
        np.dot(self._inputs, self._kernel, self._gates)
        np.tanh(self._gates, self._gates)
        np.multiply(self._logistic, _HALF, self._logistic)
        np.add(self._logistic, _HALF, self._logistic)
        np.multiply(self._input_and_forget, self._candidate_and_cell, self._products)
        np.add(self._admitted, self._kept, self._cell)
        np.tanh(self._cell, self._h)
        np.multiply(self._h, self._output, self._h)

    def _pick_mixtures(self, uniform: np.ndarray) -> None:
        """Selects the first mixture of each dimension whose cumulative weight exceeds ``uniform`` times the total."""
        np.divide(self._logits, self._temperature, self._logits)
        np.maximum.reduce(self._logits, axis=0, out=self._largest)
        np.subtract(self._logits, self._largest, self._weights)
        np.exp(self._weights, self._weights)
        np.dot(self._running_sum, self._weights, self._cumulative)
        np.multiply(uniform, self._total, self._threshold)
        np.greater(self._all_but_last, self._threshold, self._reached_before_last)
        self._reached.argmax(1, self._pick)
        np.add(self._pick, self._first_mixtures, self._pick)  # indices into the flat (Z, K) means and log sigmas

    def _draw(self, normal: np.ndarray) -> None:
        self._means.take(self._pick, None, self._mean, "clip")  # "raise" would buffer the output
        self._log_sigmas.take(self._pick, None, self._sigma, "clip")
        sigma, z = self._sigma, self._z
        np.maximum(sigma, _LOW_LOG_SIGMA, out=sigma)
        np.minimum(sigma, _HIGH_LOG_SIGMA, out=sigma)
        np.exp(sigma, sigma)
        np.multiply(sigma, self._spread, sigma)
        np.multiply(sigma, normal, sigma)
        np.add(self._mean, sigma, z)
        np.maximum(z, _LOW_LATENT, out=z)
        np.minimum(z, _HIGH_LATENT, out=z)

    def __reduce__(self) -> Any:
        """Copies are built from the state, because copying the attributes would turn views into separate arrays."""
        state = self._z.copy(), self._h.copy(), self._cell.copy(), float(self._temperature)
        return _restored, (self._memory, self._n_mixtures, self._observes_cell, state)


def _restored(memory: MemoryArrays, n_mixtures: int, observes_cell: bool, state: tuple[Any, ...]) -> SingleStepper:
    stepper = SingleStepper(memory, n_mixtures, observes_cell=observes_cell)
    stepper.begin(*state)
    return stepper


def _latent_size(memory: MemoryArrays, n_mixtures: int) -> int:
    return (len(memory.head_bias) - 2) // (3 * n_mixtures)


def _stacked_lstm(memory: MemoryArrays, n_latents: int) -> np.ndarray:
    """Weights and biases ``(A + Z + H + 1, 4H)`` for inputs ``[action, z, h, 1]``.

    The gates are in the order input, forget, output, candidate. The weights of the logistic gates are halved, because
    the logistic function of ``x`` is ``tanh(x / 2) / 2 + 1 / 2``.
    """
    latents, actions = memory.kernel[:n_latents], memory.kernel[n_latents:]
    stacked = np.concatenate([actions, latents, memory.recurrent_kernel, memory.bias[None]])
    into, forget, candidate, output = np.split(stacked, 4, axis=1)
    return np.concatenate([into * _HALF, forget * _HALF, output * _HALF, candidate], axis=1)


def _stacked_heads(memory: MemoryArrays, n_latents: int, k: int) -> np.ndarray:
    """Weights and biases ``(H + 1, 3KZ + 2)`` for inputs ``[h, 1]``.

    The logits stay ``(K, Z)``. Means and log sigmas become ``(Z, K)``, indexed by ``dimension * K + mixture``.
    """
    stacked = np.concatenate([memory.head_kernel, memory.head_bias[None]])
    logits, means, log_sigmas, ends = np.split(stacked, np.arange(1, 4) * k * n_latents, axis=1)

    def by_dimension(part: np.ndarray) -> np.ndarray:
        return part.reshape(-1, k, n_latents).swapaxes(1, 2).reshape(-1, k * n_latents)

    return np.concatenate([logits, by_dimension(means), by_dimension(log_sigmas), ends], axis=1)


def _aligned(array: np.ndarray) -> np.ndarray:
    """A copy that begins at a cache line. A matrix product with weights that do not takes 10% longer."""
    memory = np.empty(array.nbytes + _CACHE_LINE, np.uint8)
    first = -memory.ctypes.data % _CACHE_LINE
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[:] = array
    return copy
