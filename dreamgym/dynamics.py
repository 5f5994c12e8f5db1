"""One step of the dream, written once for NumPy and for TensorFlow arrays, and for any number of dreams.

A single dream has a step of its own besides, in another order of memory: :mod:`dreamgym.single_stepper`.

Every function takes the array namespace ``xp`` (``numpy`` or ``tensorflow.experimental.numpy``) first, works on
float32 and on any number of leading batch axes, and draws nothing: noise comes in as an argument.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from dreamgym.actions import Array

LATENT_BOUND = 10.0  # observations clip z here: V's posterior is trained towards a unit Gaussian
LOG_SIGMA_BOUNDS = (-7.0, 3.0)


class MemoryArrays(NamedTuple):
    """M as plain arrays, float32. Z latents, A numbers of coded action, H units, K mixtures.

    Attributes:
        kernel: ``(Z + A, 4H)``, the LSTM's input weights; gates in Keras's order: input, forget, cell, output.
        recurrent_kernel: ``(H, 4H)``.
        bias: ``(4H,)``.
        head_kernel: ``(H, 3KZ + 2)``: mixture logits, means and log standard deviations, each ``(K, Z)``, then
            the reward's target and the logit of ``terminated``.
        head_bias: ``(3KZ + 2,)``.
    """

    kernel: Array
    recurrent_kernel: Array
    bias: Array
    head_kernel: Array
    head_bias: Array


class Noise(NamedTuple):
    """What a dream step draws: ``uniform`` in [0, 1) picks mixtures, ``normal`` spreads; both ``(..., Z)``."""

    uniform: Array
    normal: Array


class Prediction(NamedTuple):
    """M's forecast of a step: the next ``z`` drawn, the reward's target, the logit of ``terminated``."""

    z: Array
    target: Array
    done_logit: Array


@lru_cache(maxsize=8)
def _gate_scales(hidden_size: int) -> np.ndarray:
    """What each gate's input is multiplied by before tanh: a half for the logistic ones, 1 for the cell's."""
    return np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), hidden_size)


def lstm_step(
    xp: Any, memory: MemoryArrays, z: Array, action: Array, h: Array, c: Array, mask: Array | None = None
) -> tuple[Array, Array]:
    """The LSTM's next ``(h, c)``.

    Args:
        xp: The array namespace.
        memory: M's arrays.
        z: ``(..., Z)``.
        action: Coded, ``(..., A)``.
        h: ``(..., H)``.
        c: ``(..., H)``.
        mask: Multiplies ``h`` on its way into the recurrence: dropout, drawn once a dream.
    """
    recurrent = h if mask is None else h * mask
    inputs = xp.concatenate([z, action], axis=-1)
    gates = xp.matmul(inputs, memory.kernel) + xp.matmul(recurrent, memory.recurrent_kernel) + memory.bias
    n, half = h.shape[-1], np.float32(0.5)
    squashed = xp.tanh(gates * _gate_scales(n))
    open_by = squashed * half + half  # the logistic function of the gates, by tanh: one call for all four
    c = open_by[..., n : 2 * n] * c + open_by[..., :n] * squashed[..., 2 * n : 3 * n]
    return open_by[..., 3 * n :] * xp.tanh(c), c


def sample(
    xp: Any, memory: MemoryArrays, h: Array, noise: Noise, temperature: Array | float, n_mixtures: int
) -> Prediction:
    """Draws the next latent from the mixtures that M reads off ``h``.

    Each dimension picks its own mixture, by comparing a uniform number with the cumulative weights, which is
    many times cheaper than drawing a category. Logits are divided by the temperature, noise multiplied by
    its square root (Ha & Schmidhuber 2018, section 2.3).

    Args:
        xp: The array namespace.
        memory: M's arrays.
        h: ``(..., H)``, after the step.
        noise: ``(..., Z)`` each.
        temperature: A number, or ``(..., 1)`` for one a dream.
        n_mixtures: K.
    """
    heads = xp.matmul(h, memory.head_kernel) + memory.head_bias
    mean, log_sigma = _pick_mixtures(xp, heads, noise.uniform, temperature, n_mixtures)
    low, high = np.float32(LOG_SIGMA_BOUNDS[0]), np.float32(LOG_SIGMA_BOUNDS[1])
    sigma = xp.exp(xp.minimum(xp.maximum(log_sigma, low), high))
    z = mean + sigma * xp.sqrt(temperature) * noise.normal
    bound = np.float32(LATENT_BOUND)
    z = xp.minimum(xp.maximum(z, -bound), bound)
    return Prediction(z, heads[..., -2], heads[..., -1])


def _pick_mixtures(xp: Any, heads: Array, uniform: Array, temperature: Array, k_mixtures: int) -> tuple[Array, Array]:
    """Mean and log sigma of the mixture that each dimension picks, written so that XLA fuses it into one loop."""
    size = uniform.shape[-1]

    def part(kind: int, k: int) -> Array:
        start = (kind * k_mixtures + k) * size
        return heads[..., start : start + size]

    logits = [part(0, k) / temperature for k in range(k_mixtures)]
    largest = logits[0]
    for logit in logits[1:]:
        largest = xp.maximum(largest, logit)
    weights = [xp.exp(logit - largest) for logit in logits]
    total = weights[0]
    for weight in weights[1:]:
        total = total + weight
    threshold = uniform * total
    mean, log_sigma, cumulative = part(1, 0), part(2, 0), weights[0]
    for k in range(1, k_mixtures):
        beyond = threshold >= cumulative
        mean = xp.where(beyond, part(1, k), mean)
        log_sigma = xp.where(beyond, part(2, k), log_sigma)
        cumulative = cumulative + weights[k]
    return mean, log_sigma


def sample_posterior(xp: Any, mu: Array, logvar: Array, normal: Array) -> Array:
    """``z`` from V's posterior, clipped as observations are: ``mu + exp(logvar / 2) * normal``."""
    bound = np.float32(LATENT_BOUND)
    z = mu + xp.exp(logvar * np.float32(0.5)) * normal
    return xp.minimum(xp.maximum(z, -bound), bound)


def warm_up(
    xp: Any, memory: MemoryArrays, mu: Array, logvar: Array, action: Array, normal: Array
) -> tuple[Array, Array, Array]:
    """Runs M over a real sequence: the ``(z, h, c)`` that a dream begins with.

    Args:
        xp: The array namespace.
        memory: M's arrays.
        mu: ``(N, L + 1, Z)``.
        logvar: ``(N, L + 1, Z)``.
        action: Coded, ``(N, L, A)``.
        normal: The posterior's noise, ``(N, L + 1, Z)``.
    """
    z = sample_posterior(xp, mu, logvar, normal)
    h = xp.zeros((mu.shape[0], memory.recurrent_kernel.shape[0]), np.float32)
    c = h
    for step in range(action.shape[1]):
        h, c = lstm_step(xp, memory, z[:, step], action[:, step], h, c)
    return z[:, -1], h, c
