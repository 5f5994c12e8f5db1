"""The latent env: the real game's rewards and ends, with observations by V and M."""

import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from dreamgym import LatentEnv
from dreamgym.errors import ActionError, SettingsError, TaskError
from dreamgym.models.dynamics import lstm_step, sample_posterior
from tests.conftest import random_world_model
from tests.tiny_game import TINY_TASK


@pytest.fixture
def make(tiny_folder):
    made = []

    def make_one(**kwargs):
        made.append(LatentEnv(tiny_folder, **kwargs))
        return made[-1]

    yield make_one
    for env in made:
        env.close()


def test_frames_rewards_and_ends_are_the_games(make, tiny_world_model):
    env, game = make(), TINY_TASK.make_env("stock")
    latent, _ = env.reset(seed=4)
    frame = TINY_TASK.frame(game.reset(seed=4)[0])
    np.testing.assert_array_equal(env.frame, frame)
    mu, logvar = tiny_world_model.encode(frame)
    assert (np.abs(latent[:4] - mu) < 6 * np.exp(logvar / 2)).all()
    assert not latent[4:].any(), "M has read nothing yet"
    ended = False
    for action in (2, 2, 0, 1, 2, 2, 2, 2, 2, 2):
        latent, reward, terminated, truncated, _ = env.step(action)
        observation, *ends, _ = game.step(action)
        assert [reward, terminated, truncated] == ends
        assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
        np.testing.assert_array_equal(env.frame, TINY_TASK.frame(observation))
        assert latent[4:].any()
        ended = terminated or truncated
        if ended:
            break
    assert ended, "the actions were meant to reach the wall"
    game.close()


def test_the_cell_state_is_observed_where_the_task_says_so(cell_world_model, tmp_path):
    env = LatentEnv(cell_world_model.save(tmp_path))
    latent, _ = env.reset(seed=4)
    assert env.observation_space.shape == latent.shape == (4 + 8 + 8,)
    assert not latent[4:].any()
    h = c = np.zeros(8, np.float32)
    for action in (1, 0):
        h, c = lstm_step(np, cell_world_model.memory, latent[:4], env._codec.encode(action), (h, c))
        latent = env.step(action)[0]
        np.testing.assert_allclose(latent[4:], np.concatenate([h, c]), atol=1e-6)
    assert env.observation_space.contains(latent)
    env.close()


def test_the_seed_decides_the_samples_and_m_reads_them(make, tiny_world_model):
    env, rng = make(), np.random.default_rng(4)
    h = c = np.zeros((1, 8), np.float32)
    latent, _ = env.reset(seed=4)
    for action in (2, 0, 1, None):
        mu, logvar = tiny_world_model.encode(env.frame[None])
        z = sample_posterior(np, mu, logvar, rng.standard_normal((1, 4), np.float32))
        np.testing.assert_allclose(latent, np.concatenate([z, h], axis=1)[0], atol=1e-5)
        if action is not None:
            code = tiny_world_model.codec.encode(action)
            h, c = lstm_step(np, tiny_world_model.memory, z, code[None], (h, c))
            latent = env.step(action)[0]


def test_an_episode_is_truncated_where_it_is_told_to(make):
    env = make(max_episode_steps=2)
    for _ in range(2):
        env.reset(seed=0)
        assert [env.step(1)[3] for _ in range(2)] == [False, True]


def test_reset_options_and_the_picture_are_the_games(make):
    env = make(render_mode="rgb_array")
    passed = []
    reset = env._game.unwrapped.reset
    env._game.unwrapped.reset = lambda **kwargs: (passed.append(kwargs), reset(**kwargs))[1]
    env.reset(seed=1, options={"any": "option"})
    assert passed == [{"seed": 1, "options": {"any": "option"}}]
    picture = env.render()
    assert (picture.shape, picture.dtype) == ((32, 36, 3), np.uint8)
    assert env.metadata["render_fps"] == 10


def test_render_without_a_mode_warns_and_returns_none(make):
    env = make()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render mode"):
        assert env.render() is None


def test_wrong_use_is_named(make, tmp_path):
    with pytest.raises(SettingsError, match="renderer"):
        make(renderer="quick")
    with pytest.raises(SettingsError, match="render_mode"):
        make(render_mode="human")
    with pytest.raises(SettingsError, match="max_episode_steps"):
        make(max_episode_steps=0)
    env = make()
    env.reset(seed=0)
    with pytest.raises(ActionError):
        env.step(3)
    other = random_world_model(TINY_TASK, gym.spaces.Discrete(5, seed=0), 8).save(tmp_path / "other")
    with pytest.raises(TaskError, match="trained on"):
        LatentEnv(world_model=str(other))


def test_it_needs_no_tensorflow(tiny_folder):
    script = (
        "import sys, gymnasium as gym, dreamgym, tests.tiny_game\n"
        f"env = gym.make('WorldModelLatent-v0', world_model={tiny_folder!r}, render_mode='rgb_array')\n"
        "env.reset(seed=0); env.step(1); env.render(); env.close()\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
