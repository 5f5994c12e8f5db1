"""The gradient through the dream is that of the return that imagine gives."""

import numpy as np
import pytest

from dreamgym.dream.gradient import differentiate
from dreamgym.dream.imagination import Dreams, dropout_masks, imagine
from dreamgym.errors import PolicyError, SettingsError
from dreamgym.policies.controller import LinearController, linear_policy


@pytest.fixture(scope="module")
def policy(car_world_model):
    return linear_policy(car_world_model.task.head(car_world_model.codec))


@pytest.fixture(scope="module")
def parameters(car_world_model):
    zeros = LinearController.zeros(car_world_model).parameters
    return np.random.default_rng(0).normal(0, 0.1, zeros.shape).astype(np.float32)


def other_memory(world_model):
    return world_model.memory._replace(head_kernel=-world_model.memory.head_kernel)


@pytest.mark.parametrize(
    "options",
    [
        {"n": 5, "horizon": 9, "seed": 3},
        {"n": 4, "horizon": 70, "seed": 1, "temperature": 0.5},
        {"n": 5, "horizon": 9, "starts": [0, 1, 0, 2, 1], "temperature": np.linspace(0.2, 1, 5)},
        {"n": 5, "horizon": 9, "members": 2},
        {"n": 2, "horizon": 9, "members": 3},
        {"n": 4, "horizon": 9, "recurrent_masks": dropout_masks(4, 16, 0.5, seed=1)},
    ],
)
def test_the_return_is_that_of_imagine(car_world_model, policy, parameters, options):
    if "members" in options:
        members = [car_world_model.memory, other_memory(car_world_model), car_world_model.memory]
        options = options | {"members": members[: options["members"]]}
    dreams = Dreams(**options)
    found = differentiate(car_world_model, policy, parameters, dreams)
    expected = imagine(car_world_model, policy, parameters[None], dreams).returns.mean()
    assert found.mean_return == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("ensemble", [False, True])
def test_the_gradient_is_the_slope(car_world_model, policy, parameters, ensemble):
    members = [car_world_model.memory, other_memory(car_world_model)] if ensemble else ()
    dreams = Dreams(6, horizon=8, seed=3, temperature=0.5, members=members)
    gradient = differentiate(car_world_model, policy, parameters, dreams).gradient
    assert gradient.shape == parameters.shape
    direction, step = gradient / np.linalg.norm(gradient), 1e-3
    ahead, behind = (
        differentiate(car_world_model, policy, parameters + sign * step * direction, dreams).mean_return
        for sign in (1, -1)
    )
    assert (ahead - behind) / (2 * step) == pytest.approx(np.linalg.norm(gradient), rel=0.05)


def test_what_does_not_fit_is_refused_as_by_imagine(car_world_model, policy, parameters):
    with pytest.raises(PolicyError, match="cannot read observations"):
        differentiate(car_world_model, policy, parameters[:-1], Dreams(2, horizon=2))
    with pytest.raises(SettingsError, match="starts are from 0 to 9"):
        differentiate(car_world_model, policy, parameters, Dreams(2, horizon=2, starts=[0, 9]))
    with pytest.raises(SettingsError, match="recurrent_masks have shape"):
        differentiate(car_world_model, policy, parameters, Dreams(2, horizon=2, recurrent_masks=np.ones((3, 16))))
