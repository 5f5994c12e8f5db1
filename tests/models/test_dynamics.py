"""M's step is the same in Keras, NumPy and compiled TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.experimental import numpy as tnp

from dreamgym.models.dynamics import (
    LATENT_BOUND,
    MemoryArrays,
    Noise,
    lstm_step,
    mixture_entropy,
    sample,
    sample_posterior,
    warm_up,
)
from dreamgym.models.memory import Memory, to_arrays

Z, A, H, K = 4, 3, 16, 5


@pytest.fixture(scope="module")
def keras_memory():
    memory = Memory(latent_size=Z, action_size=A, hidden_size=H, n_mixtures=K, seed=1)
    rng = np.random.default_rng(0)
    for weight in (memory.lstm.cell.bias, memory.head.bias):
        weight.assign(rng.standard_normal(weight.shape))
    return memory


def draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def draw_noise(seed, *shape):
    rng = np.random.default_rng(seed)
    return Noise(rng.random(shape, np.float32), rng.standard_normal(shape, np.float32))


def test_keras_numpy_and_compiled_steps_agree(keras_memory):
    memory = to_arrays(keras_memory)
    z, action, noise = draw(1, 6, 7, Z), draw(2, 6, 7, A), draw_noise(3, 6, 7, Z)
    heads = keras_memory.head(keras_memory.lstm(np.concatenate([z, action], -1))).numpy()
    compiled = tf.function(lambda m, *xs: step(tnp, MemoryArrays(*m), *xs), jit_compile=True)
    h = c = compiled_h = compiled_c = np.zeros((6, H), np.float32)
    for t in range(7):
        inputs = (z[:, t], action[:, t], Noise(noise.uniform[:, t], noise.normal[:, t]))
        h, c, prediction = step(np, memory, h, c, *inputs)
        compiled_h, compiled_c, compiled_prediction = compiled(tuple(memory), compiled_h, compiled_c, *inputs)
        for ours, theirs in zip((h, c, *prediction), (compiled_h, compiled_c, *compiled_prediction), strict=True):
            assert ours.dtype == np.float32
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
        np.testing.assert_allclose(prediction.target, heads[:, t, -2], atol=1e-5)
        np.testing.assert_allclose(prediction.done_logit, heads[:, t, -1], atol=1e-5)
        np.testing.assert_allclose(prediction.z, drawn_by_the_book(heads[:, t], inputs[2], 0.7), atol=1e-5)


def step(xp, memory, h, c, z, action, noise):
    h, c = lstm_step(xp, memory, z, action, (h, c))
    return h, c, sample(xp, memory, h, noise, np.float32(0.7))


def drawn_by_the_book(heads, noise, temperature):
    """One number at a time: softmax of logits over τ, a mixture by its cumulative weight, noise times sqrt(τ)."""
    parts = heads[:, :-2].reshape(len(heads), 3, K, Z)
    z = np.empty((len(heads), Z), np.float32)
    for row in range(len(heads)):
        for i in range(Z):
            logits = parts[row, 0, :, i].astype(np.float64) / temperature
            weights = np.exp(logits) / np.exp(logits).sum()
            k = int(np.searchsorted(np.cumsum(weights), noise.uniform[row, i], side="right"))
            sigma = np.exp(np.clip(parts[row, 2, k, i], -7, 3))
            z[row, i] = parts[row, 1, k, i] + sigma * np.sqrt(temperature) * noise.normal[row, i]
    return np.clip(z, -LATENT_BOUND, LATENT_BOUND)


def test_one_dream_steps_as_it_does_among_many(keras_memory):
    memory = to_arrays(keras_memory)
    h, noise = np.tanh(draw(4, 200, H)), draw_noise(5, 200, Z)
    many = sample(np, memory, h, noise, np.float32(1.3))
    for i in range(200):
        one = sample(np, memory, h[i], Noise(noise.uniform[i], noise.normal[i]), np.float32(1.3))
        np.testing.assert_allclose(one.z, many.z[i], atol=1e-5)


def test_draws_follow_the_mixture(keras_memory):
    memory = to_arrays(keras_memory)
    h = np.broadcast_to(np.tanh(draw(6, H)), (40_000, H))
    z = sample(np, memory, h, draw_noise(7, 40_000, Z), np.float32(1)).z
    logits, means, _ = (h[0] @ memory.head_kernel + memory.head_bias)[:-2].reshape(3, K, Z)
    weights = np.exp(logits) / np.exp(logits).sum(0)
    np.testing.assert_allclose(z.mean(0), (weights * means).sum(0), atol=5 * z.std() / 200)


def test_temperature_of_each_dream_counts_for_itself(keras_memory):
    memory = to_arrays(keras_memory)
    h, noise = np.tanh(draw(8, 3, H)), draw_noise(9, 3, Z)
    temperatures = np.array([[0.1], [1.0], [2.0]], np.float32)
    together = sample(np, memory, h, noise, temperatures).z
    for i, temperature in enumerate(temperatures[:, 0]):
        np.testing.assert_allclose(together[i], sample(np, memory, h, noise, temperature).z[i], atol=1e-6)
    assert not np.allclose(together[0], sample(np, memory, h, noise, np.float32(1)).z[0], atol=1e-3)


def test_latents_stay_inside_the_observation_box(keras_memory):
    memory = to_arrays(keras_memory)
    memory = memory._replace(head_bias=memory.head_bias * 1000)
    assert np.abs(sample(np, memory, draw(1, 50, H), draw_noise(2, 50, Z), np.float32(1)).z).max() == LATENT_BOUND
    huge = np.full((2, Z), 40, np.float32)
    assert np.abs(sample_posterior(np, huge, huge, draw(3, 2, Z))).max() == LATENT_BOUND


def test_warm_up_is_the_sequence_run_step_by_step(keras_memory):
    memory = to_arrays(keras_memory)
    mu, logvar, action, normal = draw(1, 2, 5, Z), draw(2, 2, 5, Z), draw(3, 2, 4, A), draw(4, 2, 5, Z)
    latents = sample_posterior(np, mu, logvar, normal)
    np.testing.assert_allclose(latents, mu + np.exp(logvar / 2) * normal, atol=1e-6)
    h, c = warm_up(np, memory, latents, action)
    halves = warm_up(np, memory, latents[:, 2:], action[:, 2:], warm_up(np, memory, latents, action[:, :2]))
    np.testing.assert_allclose(halves, (h, c), atol=1e-6)
    expected = keras_memory.lstm(np.concatenate([latents[:, :-1], action], -1)).numpy()[:, -1]
    np.testing.assert_allclose(h, expected, atol=1e-5)


def test_a_mask_of_zeros_forgets_the_recurrence(keras_memory):
    memory = to_arrays(keras_memory)
    z, action, h = draw(1, 2, Z), draw(2, 2, A), draw(3, 2, H)
    masked = lstm_step(np, memory, z, action, (h, h), mask=np.zeros((2, H), np.float32))
    forgetful = memory._replace(recurrent_kernel=memory.recurrent_kernel * 0)
    without = lstm_step(np, forgetful, z, action, (h, h))
    np.testing.assert_array_equal(masked, without)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_the_entropy_is_that_of_the_mixtures_drawn(keras_memory, temperature):
    memory, h = to_arrays(keras_memory), draw(3, 2, H)
    logits = (h @ memory.head_kernel + memory.head_bias)[:, : K * Z].reshape(2, K, Z).astype(np.float64) / temperature
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(weights * np.log(weights)).sum(axis=1).mean(axis=1)
    found = mixture_entropy(np, memory, h, Z, temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(mixture_entropy(np, memory, h[0], Z, temperature), expected[0], rtol=1e-4)


def test_the_entropy_ends_at_nothing_and_at_equal_mixtures(keras_memory):
    memory, h = to_arrays(keras_memory), draw(3, 2, H)
    np.testing.assert_allclose(mixture_entropy(np, memory, h, Z, 1e-4), 0, atol=1e-6)
    np.testing.assert_allclose(mixture_entropy(np, memory, h, Z, 1e6), np.log(K), rtol=1e-5)
