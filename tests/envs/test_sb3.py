"""Stable-Baselines3 trains in the dream, and its own checker agrees."""

import warnings
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector

pytest.importorskip("stable_baselines3")
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

import dreamgym
from dreamgym import DreamEnv
from dreamgym.errors import SettingsError
from tests.tiny_game import TinyGame


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


def single(folder):
    return DreamEnv(folder, max_episode_steps=4)


def played(envs, n_steps=9):
    """Nine steps of three envs, with what SB3 reads."""
    envs.seed(7)
    steps = [envs.reset()]
    for k in range(n_steps):
        observations, rewards, dones, infos = envs.step(np.full((3, 3), 0.05 * k, np.float32))
        steps.append((observations, rewards, dones, [dict(info) for info in infos], [*envs.reset_infos]))
    envs.close()
    return steps


@pytest.fixture(scope="module")
def as_sb3_itself(folder):
    return played(DummyVecEnv([lambda: single(folder)] * 3))


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_it_steps_single_envs_of_any_autoreset_mode_as_sb3_itself_does(folder, as_sb3_itself, mode, copy):
    envs = dreamgym.SB3VecEnv(SyncVectorEnv([lambda: single(folder)] * 3, copy=copy, autoreset_mode=mode))
    assert data_equivalence(plain(played(envs)), plain(as_sb3_itself), exact=True)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_it_steps_envs_in_other_processes_as_sb3_itself_does(folder, as_sb3_itself, mode):
    functions = [partial(DreamEnv, folder, max_episode_steps=4)] * 3
    envs = dreamgym.SB3VecEnv(AsyncVectorEnv(functions, autoreset_mode=mode, context="spawn"))
    assert envs.get_attr("max_episode_steps", [0, 2]) == [4, 4]
    assert not envs.has_attr("no_such_attribute")
    envs.set_attr("temperature", 0.5, 1)
    assert envs.get_attr("temperature") == [1.0, 0.5, 1.0]
    envs.set_attr("temperature", 1.0)
    assert data_equivalence(plain(played(envs)), plain(as_sb3_itself), exact=True)


def plain(value):
    """Arrays of numbers as lists, so that a Python float equals a NumPy one."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def test_the_batched_dream_has_the_infos_of_single_dreams(folder, as_sb3_itself):
    native = gym.make_vec("WorldModelDream-v0", num_envs=3, world_model=folder, max_episode_steps=4)
    for mine, theirs in zip(played(dreamgym.SB3VecEnv(native))[1:], as_sb3_itself[1:], strict=True):
        for info, expected in zip(mine[3], theirs[3], strict=True):
            assert set(info) == set(expected)
            assert {type(info[key]) for key in ("target", "target_reward", "step_reward", "done_logit")} == {float}
            for key, value in expected.items():
                np.testing.assert_allclose(info[key], value, atol=1e-4)
        assert mine[4] == theirs[4]


@pytest.mark.parametrize("mode", AutoresetMode)
def test_dicts_of_observations(mode):
    def play(envs):
        envs.seed(3)
        steps = [envs.reset()]
        steps += [envs.step(np.array([2, 0, 2])) for _ in range(9)]
        return steps

    mine = play(dreamgym.SB3VecEnv(SyncVectorEnv([TinyGame] * 3, autoreset_mode=mode)))
    theirs = play(DummyVecEnv([TinyGame] * 3))
    assert any(step[2].any() for step in theirs[1:])
    assert data_equivalence(plain(mine), plain([dict(theirs[0]), *theirs[1:]]), exact=True)


def test_vec_monitor_reads_the_infos(envs):
    monitored = VecMonitor(envs, info_keywords=("target", "start"))
    monitored.reset()
    for _ in range(5):
        infos = monitored.step(np.zeros((3, 3), np.float32))[3]
    for info in infos:
        assert info["episode"]["l"] == 5
        assert info["episode"]["target"] == info["target"]


def test_a_vector_wrapper_hides_nothing(folder):
    native = gym.make_vec("WorldModelDream-v0", num_envs=3, world_model=folder, max_episode_steps=5)
    envs = dreamgym.SB3VecEnv(vector.RecordEpisodeStatistics(native))
    assert envs.metadata["render_fps"] == 50
    assert envs.spec.id == "WorldModelDream-v0"
    envs.set_attr("temperature", 0.25)
    assert native.temperature == 0.25
    assert envs.get_attr("temperature", [1]) == [0.25]
    assert envs.has_attr("temperature")
    assert envs.has_attr("episode_count")
    assert not envs.has_attr("no_such_attribute")
    assert envs.env_is_wrapped(vector.RecordEpisodeStatistics) == [True] * 3
    envs.reset()
    returns = np.zeros(3)
    for step in range(1, 11):
        _, rewards, dones, infos = envs.step(np.zeros((3, 3), np.float32))
        returns += rewards
        if dones.all():
            assert [info["episode"]["l"] for info in infos] == [5] * 3
            np.testing.assert_allclose([info["episode"]["r"] for info in infos], returns, rtol=1e-5)
            returns[:] = 0
        assert all(("episode" in info) == (step % 5 == 0) for info in infos)


def test_single_envs_have_attributes_of_their_own(folder):
    sync = SyncVectorEnv([lambda: gym.wrappers.TimeLimit(single(folder), 9)] * 3)
    envs = dreamgym.SB3VecEnv(vector.ClipReward(sync, -1, 1))
    envs.set_attr("temperature", 0.5, [0, 2])
    assert envs.get_attr("temperature") == [0.5, 1.0, 0.5]
    assert [env.unwrapped.temperature for env in sync.envs] == [0.5, 1.0, 0.5]
    assert envs.get_attr("num_envs", 0) == [3]
    assert envs.env_method("has_wrapper_attr", "temperature", indices=[1]) == [True]
    assert envs.env_is_wrapped(gym.wrappers.TimeLimit) == [True] * 3
    assert envs.env_is_wrapped(vector.ClipReward, [1]) == [True]
    assert envs.env_is_wrapped(gym.wrappers.FlattenObservation) == [False] * 3


def test_what_goes_wrong_in_partial_resets_is_refused(folder):
    sync = SyncVectorEnv([lambda: single(folder)] * 2)
    native = gym.make_vec("WorldModelDream-v0", num_envs=2, world_model=folder)
    silent = gym.make_vec("WorldModelDream-v0", num_envs=2, world_model=folder)
    silent.metadata = {}
    texts = SyncVectorEnv([lambda: gym.wrappers.TransformObservation(TinyGame(), str, gym.spaces.Text(9))] * 2)
    refused = [
        (vector.RecordEpisodeStatistics(sync), "VecMonitor"),
        (vector.NormalizeObservation(native), "VecNormalize"),
        (vector.ClipReward(vector.NormalizeReward(native), -1, 1), "VecNormalize"),
        (silent, "autoreset_mode"),
        (texts, "arrays or a Dict"),
    ]
    for envs, message in refused:
        with pytest.raises(SettingsError, match=message):
            dreamgym.SB3VecEnv(envs)


def test_an_env_that_resets_all_when_asked_for_some_is_refused():
    envs = dreamgym.SB3VecEnv(gym.make_vec("CartPole-v1", num_envs=3, vectorization_mode="vector_entry_point"))
    envs.seed(0)
    envs.reset()
    with pytest.raises(SettingsError, match="reset_mask"):  # noqa: PT012 (the first end decides)
        for _ in range(100):
            envs.step(np.array([0, 1, 0]))


def test_an_async_env_without_shared_memory_is_refused(folder):
    functions = [partial(DreamEnv, folder)]
    envs = AsyncVectorEnv(functions, shared_memory=False, context="spawn")
    with pytest.raises(SettingsError, match="shared_memory"):
        dreamgym.SB3VecEnv(envs)
    envs.close()
