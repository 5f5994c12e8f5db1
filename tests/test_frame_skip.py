"""One decision that lasts several steps of the game: what is played, paid, predicted, seen, filmed and scored."""

import dataclasses
import json
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.data.episodes import read_episode
from dreamgym.dream.imagination import Dreams, imagine
from dreamgym.envs.dream import DreamEnv
from dreamgym.envs.dream_vector import DreamVectorEnv
from dreamgym.envs.latent import LatentEnv
from dreamgym.errors import DataError, TaskError, WorldModelError
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.frame_skip import FrameSkip
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.games.car_racing.view import View
from dreamgym.play.collect import check_collections, collect, collected_frame_skip, episode_path
from dreamgym.play.episodes import play_episodes
from dreamgym.play.resolve import resolve
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.policies.controller import LinearController, linear_policy
from dreamgym.policies.policy import ConstantPolicy
from dreamgym.world_model import WorldModel

ACTION = np.array([0.1, 0.4, 0.0], np.float32)


@pytest.mark.parametrize("renderer", ["fast", "stock"])
def test_a_decision_is_its_steps_of_the_game(renderer):
    decided, stepped = CAR_RACING.make_env(renderer, frame_skip=4), CAR_RACING.make_env(renderer)
    for env in (decided, stepped):
        env.reset(seed=3)
    for _ in range(8):
        observation, reward, *_, info = decided.step(ACTION)
        steps = [stepped.step(ACTION) for _ in range(4)]
        assert reward == sum(step[1] for step in steps)
        assert info["rewards"] == [step[1] for step in steps]
        assert info["target"] == sum(step[4]["target"] for step in steps)
        np.testing.assert_array_equal(observation, steps[-1][0])
    assert decided.metadata["render_fps"] == 12.5
    for env in (decided, stepped):
        env.close()


def test_frames_that_nobody_sees_are_not_drawn(monkeypatch):
    env = CAR_RACING.make_env("fast", frame_skip=4)
    env.reset(seed=0)
    drawn = []
    frame = View.frame
    monkeypatch.setattr(View, "frame", lambda self, game: drawn.append(1) or frame(self, game))
    for _ in range(5):
        env.step(ACTION)
    assert len(drawn) == 5
    env.close()


def test_a_decision_that_the_game_ends_early_is_seen_too():
    games = [CAR_RACING.make_env("fast", frame_skip=skip, max_steps=6) for skip in (4, 1)]
    skipped, stepped = games
    for env in games:
        env.reset(seed=0)
    for _ in range(2):
        observation, _, _, truncated, info = skipped.step(ACTION)
    for _ in range(6):
        expected = stepped.step(ACTION)[0]
    assert truncated
    assert len(info["rewards"]) == 2
    np.testing.assert_array_equal(observation, expected)
    for env in games:
        env.close()


def test_a_game_that_ends_ends_the_decision(tiny_task):
    env = tiny_task.make_env(frame_skip=7)
    env.reset(seed=0)
    _, _, terminated, _, info = env.step(2)
    assert terminated, "the wall is at most five steps away"
    assert len(info["rewards"]) < 7
    env.close()
    short = tiny_task.make_env(frame_skip=7, max_steps=10)
    short.reset(seed=0)
    assert [short.step(1)[3] for _ in range(2)] == [False, True]
    short.close()


@pytest.fixture(scope="module")
def skipping(tiny_world_model, tmp_path_factory):
    """A world model whose steps are three of the game, on disk."""
    return str(tiny_world_model.replace(frame_skip=3, render_fps=10 / 3).save(tmp_path_factory.mktemp("skipping")))


def test_a_world_model_keeps_its_skip_and_old_ones_have_none(skipping, tiny_world_model, tmp_path):
    model = WorldModel.load(skipping)
    assert (model.frame_skip, model.dream_steps(), model.dream_steps(10)) == (3, 7, 4)
    folder = tiny_world_model.save(tmp_path)
    description = json.loads((folder / "world_model.json").read_text())
    for bad in (0, 1.5, True, "4"):
        (folder / "world_model.json").write_text(json.dumps(description | {"frame_skip": bad}))
        with pytest.raises(WorldModelError, match=r"frame_skip is .*expected a whole number"):
            WorldModel.load(folder)
    del description["frame_skip"], description["render_fps"]
    (folder / "world_model.json").write_text(json.dumps(description))
    assert WorldModel.load(folder).frame_skip == 1


def test_dreams_pay_the_cost_of_all_steps_and_end_with_the_horizon(skipping, tmp_path):
    model = WorldModel.load(skipping)
    costly = replace(model.task, step_cost=-0.1)
    paying = dataclasses.replace(model, task=costly)
    assert paying.step_cost == pytest.approx(-0.3)
    zeros = LinearController.zeros(model)
    policy = linear_policy(model.task.head(model.codec, zeros.head))
    dreams = Dreams(n=3, seed=5)
    plain, cost = (imagine(m, policy, zeros.parameters[None], dreams) for m in (model, paying))
    assert plain.lengths.max() <= 7
    np.testing.assert_allclose(cost.returns, plain.returns - 0.3 * plain.lengths, rtol=1e-5)
    single, many = DreamEnv(skipping), DreamVectorEnv(2, skipping)
    assert single.max_episode_steps == many.max_episode_steps == 7
    assert single.metadata["render_fps"] == many.metadata["render_fps"] == pytest.approx(10 / 3)


def test_the_latent_env_plays_decisions(skipping):
    env = LatentEnv(skipping)
    env.reset(seed=0)
    steps = 1
    while not any(env.step(1)[2:4]):
        steps += 1
    assert steps == 7, "20 steps of the game"
    env.close()


def test_scores_lengths_and_films_count_the_games_own_steps(skipping):
    env = EnvSettings(world_model=skipping)
    stays = ConstantPolicy(WorldModel.load(skipping).codec, 1)
    score = evaluate(stays, env, episodes=2, workers=0)
    assert score.lengths == [20, 20]
    assert evaluate(stays, replace(env, env="dream"), episodes=2, workers=0).max_steps == 20
    (filmed,) = play_episodes(resolve(stays, env), [0], keep="film")
    assert len(filmed.pictures) == 21
    assert (len(filmed.rewards), len(filmed.episode), filmed.fps) == (20, 7, 10.0)


def test_collections_keep_their_skip_apart(tiny_task, tmp_path):
    here = EnvSettings(task="tests.tiny_game:TINY_TASK", frame_skip=3)
    collect(tmp_path / "three", "random", here, CollectSettings(episodes=2), workers=0)
    collect(tmp_path / "one", "random", replace(here, frame_skip=None), CollectSettings(episodes=2), workers=0)
    episode = read_episode(episode_path(tmp_path / "three", 0))
    assert len(episode.frames) == len(episode.actions) + 1 <= 8
    check_collections([tmp_path / "three", tmp_path / "one"], tiny_task)
    assert (collected_frame_skip([tmp_path / "three"]), collected_frame_skip([tmp_path / "one"])) == (3, 1)
    with pytest.raises(DataError, match="different frame skips"):
        collected_frame_skip([tmp_path / "three", tmp_path / "one"])
    with pytest.raises(DataError, match=r"frame_skip: 3 became 2"):
        collect(tmp_path / "three", "random", replace(here, frame_skip=2), CollectSettings(episodes=3), workers=0)


def test_a_world_model_is_not_played_at_another_skip(skipping):
    with pytest.raises(TaskError, match="frame-skip is 2, the world model was trained with 3"):
        resolve("random", EnvSettings(world_model=skipping, frame_skip=2))


def test_exploration_is_as_smooth_in_the_games_time():
    player = resolve("smoothed", EnvSettings(task="car_racing", frame_skip=4))
    assert player.exploration.correlation == pytest.approx(0.9**4)
    assert player.policy.exploration == player.exploration


def test_a_wrapper_that_changes_what_is_seen_keeps_the_drawing():
    game = gym.wrappers.GrayscaleObservation(CAR_RACING.make_env("fast").env)
    env = FrameSkip(game, 4, CAR_RACING.target)
    observation, _ = env.reset(seed=0)
    assert env.step(ACTION)[0].shape == observation.shape == (96, 96)
    env.close()
