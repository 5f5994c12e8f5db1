"""What a dream is beyond what every env is: starts, temperature, parts of the reward, pictures."""

import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from dreamgym import DreamEnv
from dreamgym.errors import SettingsError, WorldModelError
from dreamgym.models.dynamics import lstm_step, sample_posterior


@pytest.fixture(scope="module")
def folder(car_world_model, tmp_path_factory):
    return car_world_model.save(tmp_path_factory.mktemp("world_model"))


def actions(env, n, seed=3):
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(n)]


def test_a_dream_needs_no_tensorflow(folder):
    script = (
        "import sys, gymnasium as gym, dreamgym\n"
        f"env = gym.make('WorldModelDream-v0', world_model={str(folder)!r}, render_mode='rgb_array')\n"
        "env.reset(seed=0); env.step(env.action_space.sample()); env.render()\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_reset_begins_where_the_start_left_off(folder, car_world_model):
    env = DreamEnv(folder)
    observation, info = env.reset(seed=8, options={"start": 4})
    assert info["start"] == 4
    generator = np.random.default_rng(8)
    generator.integers(6)
    normal = generator.standard_normal((5, 32), np.float32)
    starts, memory = car_world_model.starts, car_world_model.memory
    z = sample_posterior(np, starts.mu[4], starts.logvar[4], normal)
    h, c = starts.h[4], starts.c[4]
    for step in range(4):
        h, c = lstm_step(np, memory, z[step], starts.action[4, step], (h, c))
    np.testing.assert_allclose(observation, np.concatenate([z[-1], h]), atol=1e-6)


def test_starts_are_drawn_by_the_envs_own_generator(folder):
    env = DreamEnv(folder)
    drawn = [env.reset(seed=seed)[1]["start"] for seed in range(30)]
    assert set(drawn) == set(range(6))
    assert drawn == [env.reset(seed=seed)[1]["start"] for seed in range(30)]
    env.reset(seed=0)
    assert len({env.reset()[1]["start"] for _ in range(30)}) > 1


def test_picking_a_start_leaves_the_noise_as_it_was(folder):
    env = DreamEnv(folder)
    _, info = env.reset(seed=2)
    first = env.step(np.zeros(3, np.float32))[0]
    env.reset(seed=2, options={"start": info["start"]})
    np.testing.assert_array_equal(env.step(np.zeros(3, np.float32))[0], first)


def test_a_temperature_is_for_one_dream(folder):
    env = DreamEnv(folder, temperature=0.5)
    cold = DreamEnv(folder, temperature=0.01)
    action = np.zeros(3, np.float32)
    for other in (env, cold):
        other.reset(seed=1)
    usual = env.step(action)[0]
    assert not np.allclose(usual, cold.step(action)[0], atol=1e-3)
    cold.reset(seed=1, options={"temperature": 0.5})
    np.testing.assert_array_equal(cold.step(action)[0], usual)
    cold.reset(seed=1)
    assert not np.allclose(cold.step(action)[0], usual, atol=1e-3)


def test_the_default_temperature_is_the_world_models(car_world_model, tmp_path):
    assert DreamEnv(car_world_model.replace(temperature=0.3).save(tmp_path)).temperature == 0.3


def test_info_holds_the_parts_of_the_reward(folder, car_world_model):
    env = DreamEnv(folder)
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(env.action_space.sample())
    task = car_world_model.task
    assert reward == pytest.approx(info["target_reward"] + info["step_reward"])
    assert info["target_reward"] == pytest.approx(task.price * info["target"])
    assert info["step_reward"] == task.step_cost
    assert terminated == (info["done_logit"] > 0)
    assert type(reward) is float
    assert type(terminated) is bool


@pytest.mark.parametrize("steps", [1, 100])
def test_make_truncates_where_it_is_told_to(folder, steps):
    env = gym.make("WorldModelDream-v0", world_model=str(folder), max_episode_steps=steps)
    env.reset(seed=0)
    ends = [env.step(action)[3] for action in actions(env, steps)]
    assert ends == [False] * (steps - 1) + [True]


def test_without_being_told_it_truncates_at_the_tasks_horizon(tiny_world_model, tmp_path):
    bias = tiny_world_model.memory.head_bias.copy()
    bias[-1] = -30
    endless = tiny_world_model.replace(memory=tiny_world_model.memory._replace(head_bias=bias))
    env = gym.make("WorldModelDream-v0", world_model=str(endless.save(tmp_path)))
    env.reset(seed=0)
    assert [env.step(0)[3] for _ in range(20)] == [False] * 19 + [True]


def test_it_ends_when_the_logit_says_so(tiny_world_model, tmp_path):
    bias = tiny_world_model.memory.head_bias.copy()
    bias[-1] = 30
    ending = tiny_world_model.replace(memory=tiny_world_model.memory._replace(head_bias=bias))
    env = DreamEnv(ending.save(tmp_path))
    env.reset(seed=0)
    assert env.step(1)[2] is True


def test_render_is_z_through_v(folder, car_world_model):
    env = DreamEnv(folder, render_mode="rgb_array")
    env.reset(seed=0)
    observation = env.step(np.zeros(3, np.float32))[0]
    picture = env.render()
    assert picture.shape == (256, 256, 3)
    assert picture.dtype == np.uint8
    small = picture.reshape(64, 4, 64, 4, 3).mean((1, 3))
    expected = car_world_model.decode(observation[:32]).astype(float)
    assert np.corrcoef(small.ravel(), expected.ravel())[0, 1] > 0.9


def test_render_without_a_mode_warns_and_gives_nothing(folder):
    env = DreamEnv(folder)
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render mode"):
        assert env.render() is None


def test_a_dream_is_pickled_in_mid_flight(folder):
    env = DreamEnv(folder)
    env.reset(seed=0)
    plan = actions(env, 80)
    for action in plan[:10]:
        env.step(action)
    copy = pickle.loads(pickle.dumps(env))
    for action in plan[10:]:
        mine, theirs = env.step(action), copy.step(action)
        np.testing.assert_array_equal(mine[0], theirs[0])
        assert mine[1:] == theirs[1:]


def test_step_before_reset_says_so(folder):
    env = DreamEnv(folder, render_mode="rgb_array")
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        env.step(np.zeros(3, np.float32))
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        env.render()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start": 6}, SettingsError, "from 0 to 5"),
        ({"start": -1}, SettingsError, "from 0 to 5"),
        ({"start": 1.0}, SettingsError, "whole number"),
        ({"start": True}, SettingsError, "whole number"),
        ({"temperature": 0.0}, WorldModelError, "above 0"),
        ({"temperature": "hot"}, WorldModelError, "above 0"),
        ({"begin": 1}, SettingsError, "'begin'"),
    ],
)
def test_wrong_reset_options_are_named(folder, options, error, message):
    with pytest.raises(error, match=message):
        DreamEnv(folder).reset(options=options)


@pytest.mark.parametrize("steps", [0, -3, 2.5, True, "many"])
def test_max_episode_steps_must_be_a_number_of_steps(folder, steps):
    with pytest.raises(SettingsError, match="max_episode_steps"):
        DreamEnv(folder, max_episode_steps=steps)


def test_a_live_world_model_is_no_kwarg(car_world_model):
    with pytest.raises(WorldModelError, match="pass the folder"):
        DreamEnv(car_world_model)


def test_a_dream_begins_from_a_state(folder, car_world_model):
    env, rng = DreamEnv(folder), np.random.default_rng(2)
    z, h, c = (rng.uniform(-0.9, 0.9, size).astype(np.float32) for size in (32, 16, 16))
    observation, info = env.reset(seed=0, options={"state": (z, h, c)})
    assert info["start"] == -1
    np.testing.assert_array_equal(observation, np.concatenate([z, h]))
    action = actions(env, 1)[0]
    stepped, _, _, _, info = env.step(action)
    np.testing.assert_allclose(stepped[32:], lstm_step(np, car_world_model.memory, z, action, (h, c))[0], atol=1e-5)
    assert info["start"] == -1
    env.reset(seed=0, options={"state": (z, h, c)})
    np.testing.assert_array_equal(env.step(action)[0], stepped)


@pytest.mark.parametrize("state", [(np.zeros(3), np.zeros(16), np.zeros(16)), (np.zeros(32), np.zeros(16)), 3, "abc"])
def test_a_state_of_another_kind_is_refused(folder, state):
    with pytest.raises(SettingsError, match="option state"):
        DreamEnv(folder).reset(options={"state": state})


def test_the_temperature_changes_in_mid_dream(folder):
    warm, steady = DreamEnv(folder), DreamEnv(folder)
    warm.reset(seed=1), steady.reset(seed=1)
    action = actions(warm, 1)[0]
    warm.set_temperature(2.0)
    hot, plain = warm.step(action)[0], steady.step(action)[0]
    np.testing.assert_array_equal(hot[32:], plain[32:])
    assert np.abs(hot[:32] - plain[:32]).max() > 0.05
    hotter = DreamEnv(folder, temperature=2.0)
    hotter.reset(seed=1)
    np.testing.assert_array_equal(hotter.step(action)[0], hot)
    np.testing.assert_array_equal(warm.reset(seed=3)[0], hotter.reset(seed=3)[0])
    np.testing.assert_array_equal(warm.step(action)[0], hotter.step(action)[0])
    with pytest.raises(WorldModelError, match="temperature is 0"):
        warm.set_temperature(0)
