"""The episode loop: an episode follows from its seed, whoever else is played, and is kept as asked."""

import pickle
import time
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.actions import ActionCodec
from dreamgym.data.episodes import encode_episode
from dreamgym.envs.loading import load_world_model
from dreamgym.errors import PolicyError
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.games.car_racing.view import View
from dreamgym.play.episodes import play_episodes
from dreamgym.play.job import PlayJob, play_job, portable
from dreamgym.play.resolve import Player, resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.policies.exploration import NoisyPolicy, SmoothedRandomPolicy
from dreamgym.policies.policy import CallablePolicy, ConstantPolicy
from tests.conftest import CAR_ACTIONS

TINY = "tests.tiny_game:TINY_TASK"
SEEDS = (5, 0, 11, 7, 2)


@pytest.fixture(scope="module")
def controller(tiny_world_model):
    rng = np.random.default_rng(0)
    return LinearController(rng.standard_normal(3 * 13).astype(np.float32), "tiny_game", tiny_world_model.codec)


@pytest.fixture(scope="module")
def there(tiny_folder):
    return EnvSettings(world_model=tiny_folder)


@pytest.fixture(scope="module")
def play(there):
    """Plays in the tiny game seen through its world model."""

    def played(policy, seeds, keep="score", **settings):
        return play_episodes(resolve(policy, replace(there, **settings)), seeds, keep=keep)

    return played


def scores(played):
    return [(p.seed, p.score, p.length, p.terminated) for p in played]


def smoothed():
    return SmoothedRandomPolicy(ActionCodec(gym.spaces.Discrete(3)))


def test_an_episode_does_not_depend_on_the_others(play, controller):
    for policy in (controller, NoisyPolicy(controller, controller.codec, None, 0.3), smoothed()):
        together = play(policy, SEEDS, "episode")
        assert [played.seed for played in together] == list(SEEDS)
        for played in together:
            (alone,) = play(policy, [played.seed], "episode")
            assert scores([alone]) == scores([played])
            np.testing.assert_array_equal(alone.episode.frames, played.episode.frames)
            np.testing.assert_array_equal(alone.episode.actions, played.episode.actions)
    assert len({played.length for played in together}) > 1


def test_a_car_drives_the_same_bits_alone_and_with_others():
    """With a full-size world model, whose matrix products round: rewards and actions are equal to the last bit."""
    player = resolve("car-racing", EnvSettings(world_model="car-racing", max_steps=60))
    together = play_episodes(player, (3, 1, 8, 2), keep="episode")
    for played in together[::3]:
        (alone,) = play_episodes(player, (played.seed,), keep="episode")
        np.testing.assert_array_equal(alone.episode.actions, played.episode.actions)
        assert alone.rewards.tolist() == played.rewards.tolist()


def test_a_recorded_episode_is_the_game_played_again(tiny_task, play):
    (played,) = play(smoothed(), [4], "episode")
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
    assert play(smoothed(), [4])[0].episode is None


def test_an_episodes_file_holds_what_the_episode_holds(play, controller):
    for policy in (smoothed(), controller):
        (whole,), (packed,) = play(policy, [4], "episode"), play(policy, [4], "file")
        assert packed.content == encode_episode(whole.episode)
        assert scores([packed]) == scores([whole])
        assert packed.episode is whole.content is None


def test_a_filmed_episode_is_the_scored_one_with_its_pictures(play, controller):
    for env in ("real", "dream"):
        (scored,), (filmed,) = play(controller, [9], env=env), play(controller, [9], "film", env=env)
        assert scores([filmed]) == scores([scored])
        assert filmed.rewards.tolist() == scored.rewards.tolist()
        assert len(filmed.pictures) == filmed.length + 1
        assert scored.pictures is None


def test_a_callable_policy_gets_the_same_observations(play, controller):
    assert scores(play(CallablePolicy(controller, "called"), SEEDS)) == scores(play(controller, SEEDS))


def test_max_steps_truncate(play, controller):
    for env in ("real", "dream"):
        assert max(p.length for p in play(controller, SEEDS, max_steps=2, env=env)) == 2


def test_a_policy_that_observes_needs_a_world_model_that_fits(controller, there):
    with pytest.raises(PolicyError, match="name the world model"):
        resolve(controller, EnvSettings(task="tiny_game"))
    shorter = LinearController(controller.parameters[:-3], "tiny_game", controller.codec)
    with pytest.raises(PolicyError, match="reads 11 numbers, the world model gives 12"):
        resolve(shorter, there)
    with pytest.raises(PolicyError, match="needs a world model"):
        resolve("random", EnvSettings("dream", task="tiny_game"))


def test_a_job_plays_what_is_played_here(play, controller, there, tmp_path):
    path = controller.save(tmp_path / "c.npz")
    here = play(controller, SEEDS)
    env = portable(resolve(controller, there))
    assert ":" in env.task
    for policy in (controller, str(path)):
        job = PlayJob(policy, env, SEEDS)
        assert scores(play_job(pickle.loads(pickle.dumps(job)))) == scores(here)
    noisy = play_job(PlayJob(controller, env, SEEDS, noise=1.0))
    assert [p.length for p in noisy] != [p.length for p in here]


def test_what_nothing_observes_is_not_drawn_and_played_the_same(monkeypatch):
    codec = ActionCodec(CAR_ACTIONS)
    constant = ConstantPolicy(codec, np.array([0.05, 0.3, 0], np.float32))
    blind = Player(constant, EnvSettings(max_steps=40), CAR_RACING, codec, None)
    drawn = play_episodes(replace(blind, task=replace(CAR_RACING, blind_kwargs={})), (0, 1))

    def frame(*_):
        raise AssertionError("a frame was drawn")

    monkeypatch.setattr(View, "frame", frame)
    assert scores(play_episodes(blind, (0, 1))) == scores(drawn)
    assert len({played.score for played in drawn}) == 2
    with pytest.raises(AssertionError, match="was drawn"):
        play_episodes(blind, (0,), keep="episode")


def test_a_process_loads_a_world_model_once_until_its_folder_changes(tiny_world_model, tmp_path):
    folder = tiny_world_model.save(tmp_path / "model")
    first = load_world_model(folder)
    assert load_world_model(folder) is first
    time.sleep(0.02)
    tiny_world_model.replace(temperature=0.7).save(folder)
    assert load_world_model(folder).temperature == 0.7
