"""What earlier releases saved loads, and steps to the same numbers as in their time.

``saved/<release>/expected.json`` holds the numbers that the release itself computed. V's file was deflated afterwards;
its numbers repeat, so that it is small.
"""

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from dreamgym import Dreams, EnvSettings, LinearController, WorldModel, evaluate, imagine, linear_policy
from dreamgym.data.encode import encode_rollouts
from dreamgym.data.episodes import list_episodes, read_episode
from dreamgym.data.latents import read_latents
from dreamgym.play.collect import collect
from dreamgym.play.episodes import play_episodes
from dreamgym.play.resolve import resolve
from dreamgym.play.settings import CollectSettings
from dreamgym.running.provenance import hash_arrays

RELEASES = sorted(path for path in (Path(__file__).parent / "saved").iterdir() if path.is_dir())
TINY = "tests.tiny_game:TINY_TASK"


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def saved(request):
    return request.param


@pytest.fixture
def expected(saved):
    return json.loads((saved / "expected.json").read_text())


@pytest.fixture
def there(saved):
    return EnvSettings(task=TINY, world_model=str(saved / "world_model"))


def test_dreams_are_the_same(saved, expected):
    env = gym.make("WorldModelDream-v0", world_model=str(saved / "world_model")).unwrapped
    for seed, rows in enumerate(expected["dreams"]):
        env.reset(seed=seed)
        for t, row in enumerate(rows):
            observation, reward, _, _, info = env.step(t % 3)
            np.testing.assert_allclose([*observation[:2], reward, info["done_logit"]], row, atol=1e-5)


def test_a_dream_of_the_car_that_shipped_is_the_same(expected):
    env = gym.make("WorldModelDream-v0", world_model="car-racing")
    env.reset(seed=1)
    for row in expected["car_dream"]:
        observation, reward, *_ = env.step(np.array([0.1, 0.2, 0.0], np.float32))
        np.testing.assert_allclose([observation[0], observation[40], reward], row, atol=1e-3)


def test_a_population_dreams_the_same(saved, expected):
    world_model = WorldModel.load(saved / "world_model")
    policy = linear_policy(world_model.task.head(world_model.codec))
    parameters = np.array(expected["imagine"]["parameters"], np.float32)
    dreamt = imagine(world_model, policy, parameters, Dreams(3, horizon=12, seed=3))
    np.testing.assert_allclose(dreamt.returns, expected["imagine"]["returns"], atol=1e-4)
    np.testing.assert_array_equal(dreamt.lengths, expected["imagine"]["lengths"])


def test_episodes_and_latents_load_and_are_kept(saved, expected, tmp_path):
    episodes = [read_episode(path) for path in list_episodes(saved / "rollouts")]
    episode, numbers = episodes[1], expected["episode"]
    assert (episode.seed, episode.policy, episode.env_id) == (numbers["seed"], numbers["policy"], numbers["env_id"])
    np.testing.assert_array_equal(episode.actions, np.array(numbers["actions"], np.float32))
    np.testing.assert_array_equal(episode.rewards, np.array(numbers["rewards"], np.float32))
    assert int(episode.frames.astype(np.int64).sum()) == numbers["frame_sum"]
    vision = WorldModel.load(saved / "world_model").vision
    latents = read_latents(saved / "latents")[1]
    assert latents.stamp == expected["latents"]["stamp"] == hash_arrays(vision)
    np.testing.assert_allclose(latents.mu[:2], expected["latents"]["mu"], atol=1e-6)
    assert encode_rollouts(saved / "rollouts", saved / "latents", vision).kept == len(episodes)


def test_a_collection_is_continued(saved, there):
    settings = CollectSettings(episodes=3, noise=0.3)
    assert collect(saved / "rollouts", str(saved / "controller.npz"), there, settings, seed=5, workers=0).kept == 3


def test_a_collected_episode_is_made_the_same(saved, there, tmp_path):
    settings = CollectSettings(episodes=3, noise=0.3)
    collect(tmp_path, str(saved / "controller.npz"), there, settings, seed=5, workers=0)
    for old, new in zip(list_episodes(saved / "rollouts"), list_episodes(tmp_path), strict=True):
        assert old.read_bytes() == new.read_bytes()


def test_v_sees_the_same(saved, expected):
    world_model = WorldModel.load(saved / "world_model")
    frames = read_episode(list_episodes(saved / "rollouts")[1]).frames[:2]
    mu, _ = world_model.encode(frames)
    np.testing.assert_allclose(mu, expected["encode"], atol=1e-4)
    sums = world_model.decode(mu).astype(np.int64).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(sums, expected["decode_sum"], rtol=1e-4)


def test_a_controller_scores_the_same(saved, expected, there):
    controller = LinearController.load(saved / "controller.npz")
    played = play_episodes(resolve(controller, there), [7, 8, 9, 10])
    assert [[p.score, p.length] for p in played] == expected["real"]
    dream = EnvSettings("dream", world_model=there.world_model)
    returns = evaluate(controller, dream, episodes=3, workers=0).returns
    np.testing.assert_allclose(returns, expected["evaluate_dream"], atol=1e-4)
