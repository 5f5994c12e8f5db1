"""Baselines: the same episodes, the constant that wins, and an M that knows nothing."""

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.evaluation.baselines import action_grid, baselines, best_constant, untrained_memory
from dreamgym.play.resolve import resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.jobs import LocalExecutor
from dreamgym.running.seeding import evaluation_seeds
from tests.conftest import CAR_ACTIONS


def test_the_baselines_play_the_same_episodes(tiny_world_model, tiny_folder):
    player, env = LinearController.zeros(tiny_world_model), EnvSettings(world_model=tiny_folder)
    seeds = evaluation_seeds(0, 6)
    rows = baselines(player, env, seeds=seeds, workers=0)
    assert [row.label for row in rows] == ["random", "constant 2", "controller, untrained M"]
    assert all(row.seeds == seeds for row in rows)
    assert rows[1].mean == 1.0
    blind = baselines("random", EnvSettings(task="tiny_game"), seeds=seeds, workers=0)
    assert [row.label for row in blind] == ["random", "constant 2"], "it has no M to lose"
    dreamt = baselines(player, EnvSettings("dream", world_model=tiny_folder), seeds=seeds[:2], workers=0)
    assert [row.env_id for row in dreamt] == ["WorldModelDream-v0"] * 2


def test_the_best_constant_is_the_one_that_wins():
    player = resolve("random", EnvSettings(task="tiny_game"))
    assert best_constant(player, seed=0, executor=LocalExecutor(0)).action == 2


def test_the_grid_covers_a_box_and_then_looks_closer():
    coarse = action_grid(CAR_ACTIONS)
    assert len(coarse) == 27
    assert all(action in CAR_ACTIONS for action in coarse)
    assert any(np.array_equal(action, [0, 0.5, 0]) for action in coarse)
    fine = action_grid(CAR_ACTIONS, np.array([0, 0.5, 0], np.float32))
    assert all(action in CAR_ACTIONS for action in fine)
    assert any(np.array_equal(action, [0, 0.25, 0]) for action in fine)
    assert any(np.array_equal(action, [0, 0.5, 0]) for action in fine)
    assert len(action_grid(gym.spaces.Box(-1, 1, (12,), np.float32))) == 25
    assert action_grid(gym.spaces.Discrete(3, start=5)) == [5, 6, 7]


def test_an_untrained_m_has_the_shapes_and_none_of_the_knowledge(car_world_model):
    fresh = untrained_memory(car_world_model, 0)
    assert [a.shape for a in fresh.memory] == [a.shape for a in car_world_model.memory]
    for old, new in zip(car_world_model.memory, fresh.memory, strict=True):
        assert not np.array_equal(old, new)
    assert np.array_equal(fresh.memory.kernel, untrained_memory(car_world_model, 0).memory.kernel)
    rows = fresh.memory.recurrent_kernel
    np.testing.assert_allclose(rows @ rows.T, np.eye(16), atol=1e-5)
    assert fresh.vision is car_world_model.vision


def test_an_untrained_m_is_initialised_as_keras_does(car_world_model):
    """The same scales and the same constant parts as a new Keras M has."""
    from dreamgym.models import memory as memory_module

    fresh = untrained_memory(car_world_model, 0).memory
    sizes = {"latent_size": car_world_model.latent_size, "hidden_size": car_world_model.hidden_size}
    keras_own = memory_module.to_arrays(memory_module.Memory(**sizes))
    for name in ("kernel", "recurrent_kernel", "head_kernel"):
        ours, theirs = getattr(fresh, name), getattr(keras_own, name)
        assert ours.std() == pytest.approx(theirs.std(), rel=0.05), name
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.3), name
    np.testing.assert_array_equal(fresh.bias, keras_own.bias)
    np.testing.assert_array_equal(fresh.head_bias, keras_own.head_bias)


def test_what_observes_nothing_plays_the_fast_env():
    seeds = evaluation_seeds(0, 1)
    fast, stock = (
        baselines("random", EnvSettings(task="car_racing", max_steps=3, renderer=renderer), seeds=seeds, workers=0)
        for renderer in (None, "stock")
    )
    assert [row.env_id for row in fast] == ["FastCarRacing-v0"] * 2
    assert [row.env_id for row in stock] == ["CarRacing-v3"] * 2
    assert [row.returns for row in fast] == [row.returns for row in stock]
