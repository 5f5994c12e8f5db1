"""Scores: of the right game, on the right tracks, with the right arithmetic, and beside the right controls."""

import io
import math
import statistics
import sys

import gymnasium as gym
import numpy as np
import pytest
from rich.console import Console

from dreamgym.actions import ActionCodec
from dreamgym.controls import action_grid, best_constant, controls, untrained_memory
from dreamgym.errors import DataError, JobError, PolicyError, TaskError, WorldModelError
from dreamgym.evaluation import evaluate, evaluation_seeds, selection_seeds, task_path
from dreamgym.policies import CallablePolicy, ConstantPolicy, LinearController, RandomPolicy
from dreamgym.scores import Evaluation, evaluation_table, load_evaluations, save_evaluations
from tests.conftest import CAR_ACTIONS
from tests.tiny_game import TINY_ID, TINY_TASK

TINY_ACTIONS = ActionCodec(gym.spaces.Discrete(3))


def controller(world_model, seed=0):
    size = 3 * (world_model.latent_size + world_model.hidden_size + 1)
    parameters = np.random.default_rng(seed).standard_normal(size).astype(np.float32)
    return LinearController(parameters, world_model.task.name, world_model.codec)


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
    result = evaluate(ConstantPolicy(TINY_ACTIONS, 2), task=TINY_TASK, episodes=5, seed=3, workers=0)
    assert list(zip(result.returns, result.lengths, strict=True)) == [wins(seed) for seed in result.seeds]
    assert result.seeds == evaluation_seeds(3, 5)
    assert (result.env, result.env_id, result.max_steps, result.n, result.mean) == ("real", TINY_ID, 20, 5, 1.0)
    assert result.world_model is None
    assert result.packages["numpy"] == np.__version__
    assert result.wall_seconds > 0


def test_workers_change_nothing(tiny_world_model, tmp_path):
    folder = tiny_world_model.save(tmp_path / "world_model")
    player = controller(tiny_world_model)
    here, there = (
        evaluate(player, env="latent", world_model=folder, episodes=9, seed=1, workers=workers) for workers in (0, 2)
    )
    assert here.returns == there.returns
    assert here.lengths == there.lengths
    assert len(set(here.lengths)) > 1, "episodes that are all alike show nothing"
    assert here.world_model == str(folder)
    assert here.failed == []


def test_a_dream_score_is_what_the_registered_dream_pays(tiny_world_model, tmp_path):
    folder = tiny_world_model.save(tmp_path / "world_model")
    player = controller(tiny_world_model)
    result = evaluate(player, env="dream", world_model=folder, episodes=3, temperature=0.5, workers=0)
    env = gym.make("WorldModelDream-v0", world_model=folder, temperature=0.5)
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


def test_policies_may_be_named_and_world_models_live(tiny_world_model, tmp_path):
    path = controller(tiny_world_model).save(tmp_path / "controller.npz")
    named = evaluate(str(path), env="latent", world_model=tiny_world_model, episodes=3, workers=0)
    live = evaluate(controller(tiny_world_model), env="latent", world_model=tiny_world_model, episodes=3, workers=0)
    assert named.returns == live.returns
    function = "tests.test_evaluation:always_right"
    assert evaluate(function, world_model=tiny_world_model, episodes=2, workers=0).mean == 1.0


def test_the_figures_are_the_usual_ones():
    result = Evaluation("me", "c", "real", "Game-v0", "t", None, None, 9, [1, 2, 3], [1.0, 2.0, 6.0], [9, 9, 9], 0.1)
    assert (result.n, result.mean, result.median, result.min, result.max) == (3, 3.0, 2.0, 1.0, 6.0)
    assert result.sd == pytest.approx(statistics.stdev([1, 2, 6]))
    assert result.standard_error == pytest.approx(np.std([1, 2, 6], ddof=1) / math.sqrt(3))


def test_an_evaluation_survives_its_file(tmp_path):
    one = Evaluation("a", "c", "dream", "D-v0", "t", "folder", 0.5, 9, [1], [4.0], [9], 0.1, [7], {"numpy": "2"})
    two = Evaluation("b", "d", "real", "G-v0", "t", None, None, 9, [1, 2], [1.0, 2.0], [9, 9], 0.1)
    path = one.save(tmp_path / "evaluation" / "dream-1.json", controls=[two])
    assert load_evaluations(path) == [one, two]
    assert save_evaluations(tmp_path / "again.json", [one, two]).read_bytes() == path.read_bytes()
    assert one.to_json()["sd"] is None, "JSON has no NaN"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DataError, match="not an evaluation"):
        load_evaluations(path)


def test_the_table_has_a_row_each():
    one = Evaluation("mine", "c", "real", "G-v0", "t", None, None, 9, [1, 2], [1.0, 3.0], [9, 9], 0.1, [3])
    console = Console(width=160, file=io.StringIO())
    console.print(evaluation_table([one, one]))
    text = console.file.getvalue()
    assert text.count("mine") == 2
    assert "2.0" in text
    assert "1.4" in text
    assert "1 failed" in text


def test_seeds_are_kept_apart():
    scores, choices = evaluation_seeds(0, 10_000), selection_seeds(0, 10_000)
    assert scores[:5] == evaluation_seeds(0, 5)
    assert len({*scores, *choices}) == 20_000
    assert evaluation_seeds(1, 1) != evaluation_seeds(0, 1)
    for seed in range(50):
        assert 2**31 <= min(evaluation_seeds(seed, 10)) < max(evaluation_seeds(seed, 10)) < 3 * 2**30
        assert 3 * 2**30 <= min(selection_seeds(seed, 10)) < max(selection_seeds(seed, 10)) < 2**32


def test_what_cannot_be_played_is_refused(tiny_world_model, car_world_model):
    player = controller(tiny_world_model)
    with pytest.raises(PolicyError, match="needs a world model"):
        evaluate(player, task=TINY_TASK, episodes=1, workers=0)
    with pytest.raises(PolicyError, match="'real', 'latent' or 'dream'"):
        evaluate(player, env="reel", world_model=tiny_world_model, episodes=1)
    with pytest.raises(PolicyError, match="at least 1"):
        evaluate(player, world_model=tiny_world_model, episodes=0)
    with pytest.raises(TaskError, match="leave the task out"):
        evaluate(player, task=TINY_TASK, world_model=car_world_model, episodes=1)
    with pytest.raises(TaskError, match="which task"):
        evaluate("random", episodes=1)
    with pytest.raises(WorldModelError, match="no/such"):
        evaluate(player, world_model="no/such", episodes=1)
    for temperature in (0, -1):
        with pytest.raises(WorldModelError, match="temperature"):
            evaluate(player, env="dream", world_model=tiny_world_model, episodes=1, temperature=temperature)


def test_a_policy_that_stumbles_is_reported_with_its_reason(tiny_world_model):
    with pytest.raises(JobError, match="it stumbled"):
        evaluate(CallablePolicy(clumsy, "clumsy"), world_model=tiny_world_model, episodes=2, workers=0)


def test_an_episode_that_fails_is_listed_and_the_others_count(tiny_world_model):
    class Sometimes(RandomPolicy):
        def reset(self, seed):
            if seed == bad:
                raise RuntimeError("not this one")
            super().reset(seed)

    bad = evaluation_seeds(0, 6)[0]
    result = evaluate(Sometimes(TINY_ACTIONS), task=TINY_TASK, episodes=6, workers=0)
    assert result.failed == evaluation_seeds(0, 4), "what runs together fails together"
    assert result.seeds == evaluation_seeds(0, 6)[4:]
    assert result.n == 2


def test_the_controls_play_the_same_episodes(tiny_world_model):
    player = controller(tiny_world_model)
    seeds = evaluation_seeds(0, 6)
    rows = controls(player, seeds=seeds, world_model=tiny_world_model, workers=0)
    assert [row.label for row in rows] == ["random", "constant 2", "controller, untrained M"]
    assert all(row.seeds == seeds for row in rows)
    assert rows[1].mean == 1.0
    blind = controls("random", seeds=seeds, task=TINY_TASK, workers=0)
    assert [row.label for row in blind] == ["random", "constant 2"], "it has no M to lose"
    dreamt = controls(player, env="dream", seeds=seeds[:2], world_model=tiny_world_model, workers=0)
    assert [row.env_id for row in dreamt] == ["WorldModelDream-v0"] * 2


def test_the_best_constant_is_the_one_that_wins():
    assert best_constant(TINY_TASK, TINY_ACTIONS, workers=0).action == 2


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
    block = fresh.memory.recurrent_kernel[:, :16]
    np.testing.assert_allclose(block.T @ block, np.eye(16), atol=1e-5)
    assert fresh.vision is car_world_model.vision


def test_a_task_is_found_from_a_new_process():
    module, _, attribute = task_path(TINY_TASK).partition(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is TINY_TASK


def test_a_task_is_found_where_a_new_process_finds_it_too(monkeypatch):
    for main in ("__main__", "__mp_main__"):
        monkeypatch.setattr(sys.modules[main], "UNDER_THE_GUARD", TINY_TASK, raising=False)
    assert not task_path(TINY_TASK).startswith("__")
