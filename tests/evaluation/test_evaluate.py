"""Scores: of the right game, on the right episodes, whatever plays them and wherever."""

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.actions import ActionCodec
from dreamgym.errors import JobError, PolicyError, SettingsError, TaskError, WorldModelError
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.policies.policy import CallablePolicy, ConstantPolicy, RandomPolicy
from dreamgym.running.seeding import evaluation_seeds
from tests.tiny_game import TINY_ID

TINY_ACTIONS = ActionCodec(gym.spaces.Discrete(3))


def controller(world_model, seed=0):
    zeros = LinearController.zeros(world_model)
    parameters = np.random.default_rng(seed).standard_normal(zeros.parameters.size)
    return LinearController(parameters, zeros.task, zeros.codec)


def always_right(observation):
    return 2


def clumsy(observation):
    raise RuntimeError("it stumbled")


def wins(seed):
    """What the tiny game pays a policy that always goes right, played by hand."""
    env = gym.make(TINY_ID, max_episode_steps=20)
    env.reset(seed=seed)
    total, length, over = 0.0, 0, False
    while not over:
        _, reward, terminated, truncated, _ = env.step(2)
        total, length, over = total + reward, length + 1, terminated or truncated
    env.close()
    return total, length


def test_a_real_score_is_what_the_stock_game_pays():
    result = evaluate(ConstantPolicy(TINY_ACTIONS, 2), EnvSettings(task="tiny_game"), episodes=5, seed=3, workers=0)
    assert list(zip(result.returns, result.lengths, strict=True)) == [wins(seed) for seed in result.seeds]
    assert result.seeds == evaluation_seeds(3, 5)
    assert (result.env, result.env_id, result.max_steps, result.n, result.mean) == ("real", TINY_ID, 20, 5, 1.0)
    assert result.world_model is None
    assert result.packages["numpy"] == np.__version__
    assert result.wall_seconds > 0


def test_workers_change_nothing(tiny_world_model, tiny_folder):
    player, env = controller(tiny_world_model), EnvSettings(world_model=tiny_folder)
    here, there = (evaluate(player, env, episodes=9, seed=1, workers=workers) for workers in (0, 2))
    assert here.returns == there.returns
    assert here.lengths == there.lengths
    assert len(set(here.lengths)) > 1, "episodes that are all alike show nothing"
    assert here.world_model == tiny_folder
    assert here.failed == []


def test_a_dream_score_is_what_the_registered_dream_pays(tiny_world_model, tiny_folder):
    player = controller(tiny_world_model)
    result = evaluate(player, EnvSettings("dream", world_model=tiny_folder, temperature=0.5), episodes=3, workers=0)
    env = gym.make("WorldModelDream-v0", world_model=tiny_folder, temperature=0.5)
    for seed, total, length in zip(result.seeds, result.returns, result.lengths, strict=True):
        observation, _ = env.reset(seed=seed)
        rewards, over = [], False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(player(observation))
            rewards.append(reward)
            over = terminated or truncated
        assert sum(rewards) == pytest.approx(total)
        assert len(rewards) == length
    assert result.temperature == 0.5
    assert result.env_id == "WorldModelDream-v0"


def test_policies_may_be_named_or_live(tiny_world_model, tiny_folder, tmp_path):
    path = controller(tiny_world_model).save(tmp_path / "controller.npz")
    env = EnvSettings(world_model=tiny_folder)
    named = evaluate(str(path), env, episodes=3, workers=0)
    assert named.returns == evaluate(controller(tiny_world_model), env, episodes=3, workers=0).returns
    assert evaluate("tests.evaluation.test_evaluate:always_right", env, episodes=2, workers=0).mean == 1.0


def test_what_cannot_be_played_is_refused(tiny_world_model, tiny_folder, car_world_model, tmp_path):
    player = controller(tiny_world_model)
    with pytest.raises(PolicyError, match="name the world model"):
        evaluate(player, EnvSettings(task="tiny_game"), episodes=1, workers=0)
    with pytest.raises(SettingsError, match="'real' or 'dream'"):
        EnvSettings(env="reel", world_model=tiny_folder)
    with pytest.raises(SettingsError, match="expected 1 or more"):
        evaluate(player, EnvSettings(world_model=tiny_folder), episodes=0)
    car = str(car_world_model.save(tmp_path / "car"))
    with pytest.raises(TaskError, match="leave the task out"):
        evaluate("random", EnvSettings(task="tiny_game", world_model=car), episodes=1)
    with pytest.raises(TaskError, match="which task"):
        evaluate("random", episodes=1)
    with pytest.raises(WorldModelError, match="no/such"):
        evaluate(player, EnvSettings(world_model="no/such"), episodes=1)
    with pytest.raises(SettingsError, match=r"world_model is a WorldModel.*save\(folder\)"):
        EnvSettings(world_model=tiny_world_model)
    for temperature in (0, -1, float("nan")):
        with pytest.raises(SettingsError, match="temperature"):
            EnvSettings("dream", world_model=tiny_folder, temperature=temperature)


def test_a_policy_that_stumbles_is_reported_with_its_reason(tiny_folder):
    with pytest.raises(JobError, match="it stumbled"):
        evaluate(CallablePolicy(clumsy, "clumsy"), EnvSettings(world_model=tiny_folder), episodes=2, workers=0)


def test_an_episode_that_fails_is_listed_and_the_others_count():
    class Sometimes(RandomPolicy):
        def reset(self, seed):
            if seed == bad:
                raise RuntimeError("not this one")
            super().reset(seed)

    bad = evaluation_seeds(0, 6)[0]
    result = evaluate(Sometimes(TINY_ACTIONS), EnvSettings(task="tiny_game"), episodes=6, workers=0)
    assert result.failed == evaluation_seeds(0, 4), "what runs together fails together"
    assert result.seeds == evaluation_seeds(0, 6)[4:]
    assert result.n == 2
