import pickle
import time
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from dreamgym import convolution
from dreamgym.actions import ActionCodec
from dreamgym.data.episodes import encode_episode
from dreamgym.dynamics import lstm_step, sample_posterior
from dreamgym.envs.car_view import View
from dreamgym.errors import PolicyError
from dreamgym.play import BatchFollower, LatentFollower, PlayJob, cached_world_model, play_episodes, play_job
from dreamgym.policies import CallablePolicy, ConstantPolicy, LinearController, NoisyPolicy, SmoothedRandomPolicy
from dreamgym.tasks import CAR_RACING
from tests.conftest import CAR_ACTIONS

TINY = "tests.tiny_game:TINY_TASK"
SEEDS = (5, 0, 11, 7, 2)


@pytest.fixture(scope="module")
def controller(tiny_world_model):
    rng = np.random.default_rng(0)
    return LinearController(rng.standard_normal(3 * 13).astype(np.float32), "tiny_game", tiny_world_model.codec)


def test_a_follower_observes_what_v_and_m_say(tiny_world_model):
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    codes = np.eye(3, dtype=np.float32)
    follower = LatentFollower(tiny_world_model)
    seen = [follower.reset(frames[0], rng)]
    seen += [follower.step(frame, code) for frame, code in zip(frames[1:], codes, strict=True)]
    h = c = np.zeros(8, np.float32)
    for t in range(4):
        mu, logvar = convolution.encode(tiny_world_model.vision, frames[t : t + 1])
        z = sample_posterior(np, mu[0], logvar[0], twin.standard_normal(4, np.float32))
        np.testing.assert_allclose(seen[t], np.concatenate([z, h]), atol=1e-5)
        assert tiny_world_model.observation_space.contains(seen[t])
        if t < 3:
            h, c = lstm_step(np, tiny_world_model.memory, z, codes[t], h, c)
    np.testing.assert_allclose(follower.c, lstm_c(tiny_world_model, seen, codes), atol=1e-5)


def lstm_c(model, seen, codes):
    h = c = np.zeros(8, np.float32)
    for observation, code in zip(seen, codes, strict=False):
        h, c = lstm_step(np, model.memory, observation[:4], code, h, c)
    return c


def test_games_in_step_are_followed_as_each_alone(tiny_world_model):
    frames = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64, 3), dtype=np.uint8)
    code = np.eye(3, dtype=np.float32)
    batch = BatchFollower(tiny_world_model)
    batch.reset(frames[0], [np.random.default_rng(i) for i in range(3)])
    batch.step(frames[1], code)
    batch.keep([0, 2])
    together = batch.step(frames[2][[0, 2]], code[[0, 2]])
    for row, i in enumerate((0, 2)):
        alone = LatentFollower(tiny_world_model)
        alone.reset(frames[0, i], np.random.default_rng(i))
        alone.step(frames[1, i], code[i])
        np.testing.assert_allclose(together[row], alone.step(frames[2, i], code[i]), atol=1e-5)


def test_an_episode_does_not_depend_on_the_others(tiny_task, tiny_world_model, controller):
    for policy in (controller, NoisyPolicy(controller, controller.codec, None, 0.3), smoothed()):
        options = {"world_model": tiny_world_model, "keep": "episode"}
        together = play_episodes(tiny_task, policy, SEEDS, **options)
        assert [played.seed for played in together] == list(SEEDS)
        for played in together:
            (alone,) = play_episodes(tiny_task, policy, [played.seed], **options)
            assert (alone.score, alone.length, alone.terminated) == (played.score, played.length, played.terminated)
            np.testing.assert_array_equal(alone.episode.frames, played.episode.frames)
            np.testing.assert_array_equal(alone.episode.actions, played.episode.actions)
    assert len({played.length for played in together}) > 1


def smoothed():
    return SmoothedRandomPolicy(ActionCodec(gym.spaces.Discrete(3)))


def test_a_recorded_episode_is_the_game_played_again(tiny_task):
    (played,) = play_episodes(tiny_task, smoothed(), [4], keep="episode")
    env, episode = tiny_task.make_env(), played.episode
    observation, _ = env.reset(seed=4)
    np.testing.assert_array_equal(episode.frames[0], tiny_task.frame(observation))
    for t, code in enumerate(episode.actions):
        observation, reward, terminated, truncated, _ = env.step(int(code.argmax()))
        np.testing.assert_array_equal(episode.frames[t + 1], tiny_task.frame(observation))
        assert (reward, terminated) == (episode.rewards[t], episode.terminated[t])
    assert terminated or truncated
    assert (terminated, truncated and not terminated) == (played.terminated, episode.truncated)
    assert (played.length, played.score) == (len(episode), episode.rewards.sum())
    assert play_episodes(tiny_task, smoothed(), [4])[0].episode is None


def test_an_episodes_file_holds_what_the_episode_holds(tiny_task, tiny_world_model, controller):
    for policy in (smoothed(), controller):
        options = {"world_model": tiny_world_model, "seeds": [4]}
        (whole,) = play_episodes(tiny_task, policy, keep="episode", **options)
        (packed,) = play_episodes(tiny_task, policy, keep="file", **options)
        assert packed.content == encode_episode(whole.episode)
        assert (packed.score, packed.length) == (whole.score, whole.length)
        assert packed.episode is whole.content is None


def test_a_policy_that_only_calls_looks_at_the_same_observations(tiny_task, tiny_world_model, controller):
    called = CallablePolicy(controller, "called")
    options = {"world_model": tiny_world_model}
    for a, b in zip(
        play_episodes(tiny_task, called, SEEDS, **options),
        play_episodes(tiny_task, controller, SEEDS, **options),
        strict=True,
    ):
        assert (a.score, a.length) == (b.score, b.length)


def test_max_steps_truncate(tiny_task, controller, tiny_world_model):
    played = play_episodes(tiny_task, controller, SEEDS, world_model=tiny_world_model, max_steps=2)
    assert all(p.length <= 2 for p in played)


def test_a_policy_that_looks_needs_a_world_model_that_fits(tiny_task, controller, tiny_world_model):
    with pytest.raises(PolicyError, match="name the world model"):
        play_episodes(tiny_task, controller, SEEDS)
    blinded = LinearController(controller.parameters[:-3], "tiny_game", controller.codec)
    with pytest.raises(PolicyError, match="reads 11 numbers, the world model gives 12"):
        play_episodes(tiny_task, blinded, SEEDS, world_model=tiny_world_model)


def test_a_job_plays_what_is_played_here(tiny_task, tiny_world_model, controller, tmp_path):
    folder = tiny_world_model.save(tmp_path / "model")
    path = controller.save(tmp_path / "c.npz")
    here = play_episodes(tiny_task, controller, SEEDS, world_model=tiny_world_model)
    for policy in (controller, str(path)):
        job = PlayJob(TINY, policy, SEEDS, world_model=str(folder))
        assert play_job(pickle.loads(pickle.dumps(job))) == here
    noisy = play_job(PlayJob(TINY, controller, SEEDS, world_model=str(folder), noise=1.0))
    assert [p.length for p in noisy] != [p.length for p in here]


def test_a_process_keeps_a_world_model_until_its_folder_changes(tiny_world_model, tmp_path):
    folder = tiny_world_model.save(tmp_path / "model")
    first = cached_world_model(folder)
    assert cached_world_model(folder) is first
    time.sleep(0.02)
    tiny_world_model.replace(temperature=0.7).save(folder)
    assert cached_world_model(folder).temperature == 0.7


def test_what_nobody_looks_at_is_not_drawn_and_played_the_same(monkeypatch):
    codec = ActionCodec(CAR_ACTIONS)
    constant = ConstantPolicy(codec, np.array([0.05, 0.3, 0], np.float32))
    drawn = play_episodes(replace(CAR_RACING, blind_kwargs={}), constant, (0, 1), max_steps=40)

    def frame(*_):
        raise AssertionError("a frame was drawn")

    monkeypatch.setattr(View, "frame", frame)
    assert play_episodes(CAR_RACING, constant, (0, 1), max_steps=40) == drawn
    assert len({played.score for played in drawn}) == 2
    with pytest.raises(AssertionError, match="was drawn"):
        play_episodes(CAR_RACING, constant, (0,), max_steps=3, keep="episode")
