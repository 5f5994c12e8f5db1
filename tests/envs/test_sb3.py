"""Stable-Baselines3 trains in the dream, and its own checker agrees."""

import warnings

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("stable_baselines3")
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env

import dreamgym


@pytest.fixture(scope="module")
def folder(car_world_model, tmp_path_factory):
    return str(car_world_model.save(tmp_path_factory.mktemp("car")))


@pytest.fixture
def envs(folder):
    return dreamgym.SB3VecEnv(gym.make_vec("WorldModelDream-v0", num_envs=3, world_model=folder, max_episode_steps=5))


def test_its_checker_finds_nothing_but_the_cars_action_box(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*symmetric and normalized Box action space.*")
        check_env(dreamgym.DreamEnv(folder))


def test_an_ended_dream_begins_anew_in_the_same_step(envs, folder):
    native = gym.make_vec("WorldModelDream-v0", num_envs=3, world_model=folder, max_episode_steps=5)
    expected, _ = native.reset(seed=4)
    envs.seed(4)
    np.testing.assert_array_equal(envs.reset(), expected)
    actions = np.full((3, 3), 0.1, np.float32)
    for step in range(1, 13):
        observations, rewards, dones, infos = envs.step(actions)
        expected, expected_rewards, _, truncated, _ = native.step(actions)
        assert dones.tolist() == truncated.tolist() == [step % 5 == 0] * 3
        np.testing.assert_allclose(rewards, expected_rewards, rtol=1e-6)
        if dones.all():
            for info, last in zip(infos, expected, strict=True):
                np.testing.assert_array_equal(info["terminal_observation"], last)
                assert info["TimeLimit.truncated"] is True
            expected, *_ = native.step(actions)
        np.testing.assert_allclose(observations, expected, atol=1e-6)


def test_what_really_ended_is_not_called_truncated(tiny_world_model, tmp_path):
    bias = tiny_world_model.memory.head_bias.copy()
    bias[-1] = 30
    ending = tiny_world_model.replace(memory=tiny_world_model.memory._replace(head_bias=bias)).save(tmp_path)
    envs = dreamgym.SB3VecEnv(gym.make_vec("WorldModelDream-v0", num_envs=2, world_model=str(ending)))
    envs.reset()
    _, _, dones, infos = envs.step(np.array([0, 1]))
    assert dones.all()
    assert [info["TimeLimit.truncated"] for info in infos] == [False, False]


def test_attributes_options_and_pictures(folder):
    native = gym.make_vec("WorldModelDream-v0", num_envs=2, world_model=folder, render_mode="rgb_array")
    envs = dreamgym.SB3VecEnv(native)
    assert envs.get_attr("temperature") == [1.0, 1.0]
    assert envs.get_attr("temperature", 0) == [1.0]
    envs.set_attr("temperature", 0.5)
    assert native.temperature == 0.5
    assert envs.env_is_wrapped(gym.Wrapper) == [False, False]
    envs.set_options({"start": 2})
    envs.reset()
    assert native.step(np.zeros((2, 3)))[4]["start"].tolist() == [2, 2]
    assert len(envs.get_images()) == 2
    assert len(envs.env_method("render")) == 2
    with pytest.raises(ValueError, match="all envs"):
        envs.set_attr("temperature", 0.5, 0)
    with pytest.raises(ValueError, match="all envs"):
        envs.env_method("render", indices=[1])
    envs.set_options([{"start": 1}, {"start": 2}])
    with pytest.raises(ValueError, match="one dict for all envs"):
        envs.reset()
    envs.close()


def test_ppo_learns_in_a_batch_of_dreams(envs):
    agent = PPO("MlpPolicy", envs, n_steps=16, batch_size=24, n_epochs=1, seed=0, device="cpu")
    before = agent.policy.action_net.weight.detach().numpy().copy()
    agent.learn(96)
    assert agent.num_timesteps == 96
    assert not np.array_equal(agent.policy.action_net.weight.detach().numpy(), before)
