"""Whether the yardsticks of M measure what they say."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dreamgym.errors import DataError
from dreamgym.evaluation.fidelity import (
    Windows,
    fidelity,
    gaussian_nll,
    mixture_nll,
    one_step_heads,
    open_loop,
    plot_fidelity,
)


def episode(world_model, steps, rng):
    z, a = world_model.latent_size, world_model.codec.size
    return SimpleNamespace(
        mu=np.cumsum(0.1 * rng.standard_normal((steps + 1, z)), axis=0).astype(np.float32),
        logvar=np.full((steps + 1, z), -20, np.float32),
        actions=np.eye(a, dtype=np.float32)[rng.integers(a, size=steps)],
        targets=rng.random(steps).astype(np.float32),
    )


def quiet_memory(world_model, target_weights=None):
    """An M that forecasts a unit Gaussian around 0 whatever it sees, one mixture like another."""
    memory = world_model.memory
    head_kernel, head_bias = np.zeros_like(memory.head_kernel), np.zeros_like(memory.head_bias)
    return world_model.replace(memory=memory._replace(head_kernel=head_kernel, head_bias=head_bias))


def test_an_m_that_says_unit_gaussian_scores_as_one(tiny_world_model):
    world_model = quiet_memory(tiny_world_model)
    rng = np.random.default_rng(0)
    result = fidelity(world_model, [episode(world_model, 75, rng) for _ in range(3)], horizon=10, warm_up=5)
    assert result["windows"] == 3 * 5
    assert result["nll"]["memory"] == pytest.approx(result["nll"]["unit_gaussian"], abs=1e-5)
    assert result["nll"]["persistence"] < result["nll"]["unit_gaussian"], "a slow walk is what persistence forecasts"
    assert result["target_correlation"] is None, "a constant forecast correlates with nothing"


def test_a_reward_at_the_end_of_an_episode_is_measured(tiny_world_model):
    played = episode(tiny_world_model, 19, np.random.default_rng(0))
    played.targets = np.eye(19, dtype=np.float32)[-1]
    assert fidelity(tiny_world_model, [played], horizon=10, warm_up=5)["target_mean"]["real"] == 1


def test_persistence_of_a_walk_costs_its_entropy_and_errs_in_proportion_to_the_horizon(tiny_world_model):
    episodes = [episode(tiny_world_model, 1100, np.random.default_rng(i)) for i in range(4)]
    result = fidelity(tiny_world_model, episodes, horizon=50)
    entropy = 0.5 * math.log(2 * math.pi * math.e * 0.1**2)
    assert result["nll"]["persistence"] == pytest.approx(entropy, abs=0.05)
    error = result["latent_error"]["persistence"]
    assert len(error) == 50
    assert error[0] == pytest.approx(0.01, rel=0.3)
    assert error[-1] == pytest.approx(0.5, rel=0.3)


def test_mixture_nll_is_that_of_the_trained_model(tiny_world_model):
    from dreamgym.models.memory import Memory

    rng = np.random.default_rng(1)
    z = rng.standard_normal((2, 7, 4)).astype(np.float32)
    heads = rng.standard_normal((2, 7, 3 * 2 * 4 + 2)).astype(np.float32)
    keras_nll = Memory(latent_size=4, action_size=3, hidden_size=8, n_mixtures=2).nll(heads, z)
    np.testing.assert_allclose(mixture_nll(heads, z, 2).mean(-1), np.asarray(keras_nll), rtol=1e-5)


def test_open_loop_sees_nothing_real_after_the_warm_up(tiny_world_model):
    rng = np.random.default_rng(2)
    z = rng.standard_normal((3, 13, 4)).astype(np.float32)
    actions = rng.random((3, 12, 3)).astype(np.float32)
    dreamt, targets = open_loop(tiny_world_model, z, actions, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(dreamt[:, :6], z[:, :6])
    z[:, 6:] = 9.0
    again, again_targets = open_loop(tiny_world_model, z, actions, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(dreamt, again)
    np.testing.assert_array_equal(targets, again_targets)
    assert (dreamt[:, 6] != z[:, 6]).all()


def test_targets_that_m_knows_correlate(tiny_world_model):
    rng = np.random.default_rng(3)
    episodes = [episode(tiny_world_model, 400, rng) for _ in range(8)]
    for each in episodes:
        windows = Windows(each.mu[None], each.actions[None], each.targets[None])
        each.targets = one_step_heads(tiny_world_model.memory, windows)[0, :, -2]
    memory = tiny_world_model.memory
    calm = memory.head_bias.copy()
    calm[2 * 8 : 3 * 8] = -7  # mixtures so narrow that a dream is nearly M's mean
    world_model = tiny_world_model.replace(memory=memory._replace(head_bias=calm))
    known = fidelity(world_model, episodes, horizon=4, warm_up=6)["target_correlation"]
    for each in episodes:
        each.targets = rng.random(400)
    unknown = fidelity(world_model, episodes, horizon=4, warm_up=6)["target_correlation"]
    assert known > 0.4
    assert abs(unknown) < 0.2


def test_gaussian_nll_of_its_own_mean_is_the_peak():
    assert gaussian_nll(np.zeros(1), 0.0, 2.0)[0] == pytest.approx(math.log(2 * math.sqrt(2 * math.pi)))


def test_episodes_that_are_too_short_are_refused(tiny_world_model):
    with pytest.raises(DataError, match="70 steps"):
        fidelity(tiny_world_model, [episode(tiny_world_model, 60, np.random.default_rng(0))])


def test_the_plot_is_a_picture(tiny_world_model, tmp_path):
    episodes = [episode(tiny_world_model, 40, np.random.default_rng(0))]
    result = fidelity(tiny_world_model, episodes, horizon=10, warm_up=5)
    path = plot_fidelity(result, tmp_path / "plots" / "fidelity.png")
    with Image.open(path) as picture:
        assert picture.size[0] > 400
