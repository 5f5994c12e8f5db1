"""The three steppers agree, and each keeps the states of its dreams apart."""

import numpy as np
import pytest

from dreamgym.dream.steppers import CompiledStepper, NumpyStepper, SeparateStepper
from dreamgym.models.dynamics import Noise, lstm_step, sample

STEPPERS = [SeparateStepper, NumpyStepper, CompiledStepper]
N = 4


def draw_states(world_model, n, seed=0):
    rng = np.random.default_rng(seed)
    sizes = world_model.latent_size, world_model.hidden_size, world_model.hidden_size
    return tuple(rng.standard_normal((n, size), np.float32) for size in sizes)


def draw_inputs(world_model, seed):
    """Coded actions, noise and temperatures of a step of N dreams."""
    rng, shape = np.random.default_rng(seed), (N, world_model.latent_size)
    noise = Noise(rng.random(shape, np.float32), rng.standard_normal(shape, np.float32))
    codes = rng.random((N, world_model.codec.size), np.float32)
    return codes, noise, np.array([0.1, 0.7, 1.0, 1.5], np.float32)


@pytest.fixture(params=["car_world_model", "tiny_world_model", "cell_world_model"])
def world_model(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("make", STEPPERS)
def test_every_stepper_agrees_with_the_dynamics(world_model, make):
    stepper, memory = make(world_model, N), world_model.memory
    z, h, c = draw_states(world_model, N)
    stepper.set_states(np.arange(N), z, h, c)
    np.testing.assert_array_equal(stepper.observations(), world_model.observation(z, h, c))
    for step in range(3):
        codes, noise, temperatures = draw_inputs(world_model, step)
        target, done_logit = stepper.step(codes, noise, temperatures)
        for i in range(N):
            h[i], c[i] = lstm_step(np, memory, z[i], codes[i], (h[i], c[i]))
            expected = sample(np, memory, h[i], Noise(noise.uniform[i], noise.normal[i]), temperatures[i])
            z[i] = expected.z
            np.testing.assert_allclose([target[i], done_logit[i]], [expected.target, expected.done_logit], atol=1e-5)
        np.testing.assert_allclose(stepper.observations(), world_model.observation(z, h, c), atol=1e-5)
        assert (target.shape, target.dtype, done_logit.shape, done_logit.dtype) == ((N,), np.float32) * 2


@pytest.mark.parametrize("make", STEPPERS)
def test_states_are_set_for_some_dreams_only(world_model, make):
    stepper, other = make(world_model, N), make(world_model, N)
    for both in (stepper, other):
        both.set_states(np.arange(N), *draw_states(world_model, N))
        both.step(*draw_inputs(world_model, 0))
    rows, states = np.array([3, 1]), draw_states(world_model, 2, seed=9)
    stepper.set_states(rows, *states)
    np.testing.assert_array_equal(stepper.observations()[rows], world_model.observation(*states))
    results, others = stepper.step(*draw_inputs(world_model, 1)), other.step(*draw_inputs(world_model, 1))
    for mine, theirs in zip((*results, stepper.observations()), (*others, other.observations()), strict=True):
        np.testing.assert_array_equal(mine[[0, 2]], theirs[[0, 2]])
        assert not np.any(mine[rows] == theirs[rows])


@pytest.mark.parametrize("make", STEPPERS)
def test_observations_are_new_arrays(world_model, make):
    stepper = make(world_model, N)
    stepper.set_states(np.arange(N), *draw_states(world_model, N))
    kept, copy = stepper.observations(), stepper.observations()
    stepper.step(*draw_inputs(world_model, 0))
    np.testing.assert_array_equal(kept, copy)
    now = stepper.observations()
    expected = now.copy()
    now[:] = 7
    np.testing.assert_array_equal(stepper.observations(), expected)
