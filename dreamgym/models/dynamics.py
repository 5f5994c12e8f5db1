"""M's step: the LSTM, sampling of the next latents, and warm-up, for NumPy and TensorFlow arrays alike.

The argument ``xp`` is the array namespace, ``numpy`` or ``tensorflow.experimental.numpy``. Arrays are float32, with any
number of batch axes. Noise is an argument. :mod:`dreamgym.dream.single_stepper` takes one dream's steps faster.
"""

import operator
from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np

from dreamgym.actions import Array

LATENT_BOUND = 10.0  # latents are clipped to plus and minus this value; V's KL term keeps them far inside it
LOG_SIGMA_BOUNDS = (-7.0, 3.0)  # for log standard deviations of the mixtures, in training and in dreams


class MemoryArrays(NamedTuple):
    """M's weights, float32. Z: latents; A: length of a coded action; H: LSTM units; K: mixtures.

    Attributes:
        kernel: ``(Z + A, 4H)``, the LSTM's input weights. Gates are in Keras's order: input, forget, cell, output.
        recurrent_kernel: ``(H, 4H)``.
        bias: ``(4H,)``.
        head_kernel: ``(H, 3KZ + 2)``. Columns: mixture logits, means and log standard deviations, ``(K, Z)`` each,
            then the reward target and the logit of ``terminated``.
        head_bias: ``(3KZ + 2,)``.
    """

    kernel: Array
    recurrent_kernel: Array
    bias: Array
    head_kernel: Array
    head_bias: Array


class Noise(NamedTuple):
    """Random numbers of a step, ``(..., Z)`` each: ``uniform`` in [0, 1) selects mixtures, ``normal`` is Gaussian."""

    uniform: Array
    normal: Array


class Prediction(NamedTuple):
    """M's prediction of a step: a sampled next ``z`` ``(..., Z)``, and ``(...)`` the reward target and done logit."""

    z: Array
    target: Array
    done_logit: Array


@lru_cache(maxsize=8)
def _gate_scales(hidden_size: int) -> np.ndarray:
    """Factors of the gates' inputs before tanh, ``(4H,)``: 0.5 for the logistic gates, 1 for the cell's input."""
    return np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), hidden_size)


def lstm_step(
    xp: Any, memory: MemoryArrays, z: Array, action: Array, state: tuple[Array, Array], *, mask: Array | None = None
) -> tuple[Array, Array]:
    """Returns the LSTM's next state from ``z`` ``(..., Z)``, a coded action ``(..., A)`` and ``h, c`` ``(..., H)``.

    ``mask`` ``(..., H)`` holds dropout factors of ``h`` in the recurrence.
    """
    h, c = state
    recurrent = h if mask is None else h * mask
    inputs = xp.concatenate([z, action], axis=-1)
    gates = xp.matmul(inputs, memory.kernel) + xp.matmul(recurrent, memory.recurrent_kernel) + memory.bias
    n, half = h.shape[-1], np.float32(0.5)
    squashed = xp.tanh(gates * _gate_scales(n))
    logistic = squashed * half + half  # sigmoid(x) = (1 + tanh(x / 2)) / 2, so one tanh call serves all four gates
    c = logistic[..., n : 2 * n] * c + logistic[..., :n] * squashed[..., 2 * n : 3 * n]
    return logistic[..., 3 * n :] * xp.tanh(c), c


def sample(xp: Any, memory: MemoryArrays, h: Array, noise: Noise, temperature: Array | float) -> Prediction:
    """Samples the next latents from M's mixtures; ``h`` ``(..., H)`` is the state after the LSTM's step.

    Mixture logits are divided by the temperature, noise is multiplied by its square root (Ha & Schmidhuber 2018,
    section 2.3). Each latent dimension selects its own mixture. The temperature broadcasts to ``(..., Z)``.
    """
    heads = xp.matmul(h, memory.head_kernel) + memory.head_bias
    mean, log_sigma = _select_mixtures(xp, heads, noise.uniform, temperature)
    sigma = xp.exp(_clip(xp, log_sigma, *LOG_SIGMA_BOUNDS))
    z = mean + sigma * xp.sqrt(temperature) * noise.normal
    return Prediction(_clip(xp, z, -LATENT_BOUND, LATENT_BOUND), heads[..., -2], heads[..., -1])


def mixture_entropy(xp: Any, memory: MemoryArrays, h: Array, n_latents: int, temperature: Array | float) -> Array:
    """The entropy of the choice of a mixture in nats, from 0 to ``log(K)``: the mean over the latent dimensions.

    ``h`` ``(..., H)`` is the state after the LSTM's step. The result has the shape ``(...)``.
    """
    size = (memory.head_bias.shape[0] - 2) // 3
    logits = (xp.matmul(h, memory.head_kernel[:, :size]) + memory.head_bias[:size]) / temperature
    logits = xp.reshape(logits, (*h.shape[:-1], size // n_latents, n_latents))
    weights = xp.exp(logits - xp.max(logits, axis=-2, keepdims=True))
    weights = weights / xp.sum(weights, axis=-2, keepdims=True)
    # A weight of 0 adds nothing: the smallest float keeps its logarithm finite.
    surprise = -xp.log(xp.maximum(weights, np.float32(1e-30)))
    return xp.mean(xp.sum(weights * surprise, axis=-2), axis=-1)


def _select_mixtures(xp: Any, heads: Array, uniform: Array, temperature: Array | float) -> tuple[Array, Array]:
    """Mean and log sigma of the mixture that each dimension selects, ``(..., Z)`` each."""
    # A comparison of a uniform number with the cumulative weights is many times cheaper than sampling a category.
    # The loops over K are unrolled, so that XLA fuses them into one loop.
    size = uniform.shape[-1]
    n_mixtures = (heads.shape[-1] - 2) // (3 * size)

    def part(kind: int, k: int) -> Array:
        start = (kind * n_mixtures + k) * size
        return heads[..., start : start + size]

    logits = [part(0, k) / temperature for k in range(n_mixtures)]
    largest = reduce(xp.maximum, logits)
    weights = [xp.exp(logit - largest) for logit in logits]
    threshold = uniform * reduce(operator.add, weights)
    mean, log_sigma, cumulative = part(1, 0), part(2, 0), weights[0]
    for k in range(1, n_mixtures):
        beyond = threshold >= cumulative
        mean = xp.where(beyond, part(1, k), mean)
        log_sigma = xp.where(beyond, part(2, k), log_sigma)
        cumulative = cumulative + weights[k]
    return mean, log_sigma


def sample_posterior(xp: Any, mu: Array, logvar: Array, normal: Array) -> Array:
    """Latents from V's posterior, ``mu + exp(logvar / 2) * normal``, clipped to ``LATENT_BOUND``. Any shape."""
    return _clip(xp, mu + xp.exp(logvar * np.float32(0.5)) * normal, -LATENT_BOUND, LATENT_BOUND)


def draw_posterior(mu: np.ndarray, logvar: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Latents from V's posterior with noise of a generator, float32 in the shape of ``mu``."""
    return sample_posterior(np, mu, logvar, rng.standard_normal(mu.shape, np.float32))


def _clip(xp: Any, x: Array, low: float, high: float) -> Array:
    return xp.minimum(xp.maximum(x, np.float32(low)), np.float32(high))


def warm_up(
    xp: Any, memory: MemoryArrays, z: Array, action: Array, state: tuple[Array, Array] | None = None
) -> tuple[Array, Array]:
    """Runs M over N real sequences of L steps from a state, or from zeros. Returns the state ``h, c``, ``(N, H)`` each.

    The latents ``z`` are ``(N, L, Z)``, the coded actions ``(N, L, A)``.
    """
    zeros = xp.zeros((z.shape[0], memory.recurrent_kernel.shape[0]), np.float32)
    h, c = (zeros, zeros) if state is None else state
    for step in range(action.shape[1]):
        h, c = lstm_step(xp, memory, z[:, step], action[:, step], (h, c))
    return h, c
