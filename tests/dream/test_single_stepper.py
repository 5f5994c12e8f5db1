"""The stepper of one dream agrees with the dynamics, and allocates nothing per step."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from dreamgym.dream.single_stepper import SingleStepper
from dreamgym.models.dynamics import LATENT_BOUND, MemoryArrays, Noise, lstm_step, sample

SIZES = [(1, 1, 2, 1), (4, 2, 3, 1), (3, 1, 7, 2), (4, 3, 16, 5), (32, 3, 256, 5)]  # Z, A, H, K


def make_memory(n_latents, n_actions, n_hidden, k, bias=1.0):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape, np.float32)

    return MemoryArrays(
        kernel=draw(n_latents + n_actions, 4 * n_hidden) / np.float32(3),
        recurrent_kernel=draw(n_hidden, 4 * n_hidden) / np.float32(n_hidden**0.5),
        bias=draw(4 * n_hidden),
        head_kernel=draw(n_hidden, 3 * k * n_latents + 2) / np.float32(n_hidden**0.5),
        head_bias=draw(3 * k * n_latents + 2) * np.float32(bias),
    )


class Inputs:
    """A state to begin with and the codes and noise of any number of steps, of one dream's sizes."""

    def __init__(self, n_latents, n_actions, n_hidden, seed=1):
        self._sizes, self._rng = (n_latents, n_actions), np.random.default_rng(seed)
        self.z, self.h, self.c = (self._rng.standard_normal(n, np.float32) for n in (n_latents, n_hidden, n_hidden))

    def draw(self):
        n_latents, n_actions = self._sizes
        noise = Noise(self._rng.random(n_latents, np.float32), self._rng.standard_normal(n_latents, np.float32))
        return self._rng.uniform(-1, 1, n_actions).astype(np.float32), noise


def begun(memory, inputs, k, temperature=1.0):
    stepper = SingleStepper(memory, k)
    stepper.begin(inputs.z, inputs.h, inputs.c, temperature)
    return stepper


@pytest.mark.parametrize("bias", [1.0, 30.0], ids=["usual", "out of bounds"])
@pytest.mark.parametrize("temperature", [0.05, 1.0, 1.3, 20.0])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_it_steps_as_the_dynamics_say(sizes, temperature, bias):
    k = sizes[-1]
    memory, inputs = make_memory(*sizes, bias=bias), Inputs(*sizes[:-1])
    stepper = begun(memory, inputs, k, temperature)
    z, h, c = inputs.z, inputs.h, inputs.c
    np.testing.assert_array_equal(stepper.observation(), np.concatenate([z, h]))
    for _ in range(20):
        code, noise = inputs.draw()
        target, done_logit = stepper.step(code, noise)
        h, c = lstm_step(np, memory, z, code, (h, c))
        expected = sample(np, memory, h, noise, np.float32(temperature))
        z = expected.z
        np.testing.assert_allclose(stepper.observation(), np.concatenate([z, h]), rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose([target, done_logit], [expected.target, expected.done_logit], rtol=1e-6, atol=1e-5)


def test_the_large_bias_meets_every_bound():
    memory, inputs = make_memory(*SIZES[3], bias=30.0), Inputs(*SIZES[3][:-1])
    stepper = begun(memory, inputs, SIZES[3][-1])
    observed = []
    for _ in range(20):
        stepper.step(*inputs.draw())
        observed.append(stepper.observation()[: SIZES[3][0]])
    assert {-LATENT_BOUND, LATENT_BOUND} <= set(np.ravel(observed))
    log_sigmas = memory.head_bias[2 * 5 * 4 : -2]
    assert log_sigmas.min() < -7 - 5
    assert log_sigmas.max() > 3 + 5


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24], ids=["lowest", "highest"])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_ends_of_the_uniform_numbers_pick_a_mixture(k, uniform):
    memory, inputs = make_memory(32, 3, 16, k), Inputs(32, 3, 16)
    stepper = begun(memory, inputs, k)
    code, noise = inputs.draw()
    noise = Noise(np.full(32, uniform, np.float32), noise.normal)
    stepper.step(code, noise)
    h, _ = lstm_step(np, memory, inputs.z, code, (inputs.h, inputs.c))
    expected = sample(np, memory, h, noise, np.float32(1)).z
    np.testing.assert_allclose(stepper.observation()[:32], expected, rtol=1e-6, atol=1e-5)


def test_observations_are_the_callers_and_inputs_stay_as_they_were():
    memory, inputs = make_memory(4, 3, 16, 5), Inputs(4, 3, 16)
    stepper = begun(memory, inputs, 5)
    given = [inputs.z, inputs.h, inputs.c, *memory]
    observations = [stepper.observation()]
    for _ in range(5):
        code, noise = inputs.draw()
        given += [code, *noise]
        as_given, as_observed = copy.deepcopy(given), observations[-1].copy()
        stepper.step(code, noise)
        np.testing.assert_array_equal(observations[-1], as_observed)
        for array, before in zip(given, as_given, strict=True):
            np.testing.assert_array_equal(array, before)
        observations.append(stepper.observation())
        kept = stepper.observation()
        observations[-1][:] = 7
        np.testing.assert_array_equal(stepper.observation(), kept)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(observations) for b in observations[:i])


def test_a_step_allocates_less_than_one_h():
    n, hidden, k = 256, 1024, 2  # M is wide, so that its arrays outweigh the iterators that NumPy broadcasts with
    shapes = (n + 3, 4 * hidden), (hidden, 4 * hidden), (4 * hidden,), (hidden, 3 * k * n + 2), (3 * k * n + 2,)
    memory, inputs = MemoryArrays(*(np.zeros(shape, np.float32) for shape in shapes)), Inputs(n, 3, hidden)
    stepper, step = begun(memory, inputs, k), inputs.draw()
    stepper.step(*step)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        stepper.step(*step)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < inputs.h.nbytes, f"a step took {peak} bytes"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_a_copy_dreams_on_by_itself(again):
    memory, inputs = make_memory(4, 3, 16, 5), Inputs(4, 3, 16)
    stepper = begun(memory, inputs, 5, temperature=0.7)
    stepper.step(*inputs.draw())
    other = again(stepper)
    for _ in range(5):
        step = inputs.draw()
        assert stepper.step(*step) == other.step(*step)
        np.testing.assert_array_equal(stepper.observation(), other.observation())
    kept = other.observation()
    stepper.step(*inputs.draw())
    np.testing.assert_array_equal(other.observation(), kept)


def test_a_copy_may_be_made_before_the_dream_begins():
    memory, inputs = make_memory(4, 3, 16, 5), Inputs(4, 3, 16)
    stepper, step = copy.deepcopy(SingleStepper(memory, 5)), inputs.draw()
    stepper.begin(inputs.z, inputs.h, inputs.c, 0.5)
    assert stepper.step(*step) == begun(memory, inputs, 5, 0.5).step(*step)


def test_the_number_of_threads_changes_no_bit():
    memory, inputs = make_memory(32, 3, 501, 5), Inputs(32, 3, 501)  # large and odd: two threads would round otherwise
    steps = [inputs.draw() for _ in range(10)]
    observations = []
    for threads in (1, 2):
        stepper = begun(memory, inputs, 5)
        with threadpool_limits(threads):
            for step in steps:
                stepper.step(*step)
        observations.append(stepper.observation())
    np.testing.assert_array_equal(*observations)
