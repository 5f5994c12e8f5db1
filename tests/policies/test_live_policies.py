"""What Python programs pass as a policy: files, functions and objects, here and on workers."""

import functools
import json
import sys
import threading
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.actions import ActionCodec
from dreamgym.errors import DataError, JobError, PolicyError
from dreamgym.evaluation.baselines import baselines
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.policies.load import as_policy, load_policy
from dreamgym.policies.policy import ConstantPolicy, RandomPolicy
from dreamgym.running.jobs import LocalExecutor
from dreamgym.video.record import VideoSettings, record
from tests.tiny_game import TINY_TASK

TINY = ActionCodec(gym.spaces.Discrete(3))


def right(observation):
    return 2


def add(number, observation):
    return number + 1


class Counter:
    """Goes right from the second step on; counts anew in every episode."""

    def reset(self, seed):
        self.steps = 0

    def __call__(self, observation):
        self.steps += 1
        return min(self.steps, 2)


class Blind:
    """A whole policy, which needs no world model."""

    name, needs_latents = "blind", False

    def reset(self, seed):
        pass

    def __call__(self, observation):
        assert observation is None
        return 2


BLIND = Blind()


class Seedless(Counter):
    def reset(self):
        pass


def test_functions_and_objects_are_policies(tiny_folder):
    env = EnvSettings(world_model=tiny_folder)
    for policy, name in (
        (right, "right"),
        (lambda observation: 2, "lambda"),
        (functools.partial(add, 1), "partial"),
        (Counter(), "Counter"),
    ):
        result = evaluate(policy, env, episodes=2, workers=0)
        assert (result.policy, result.mean) == (name, 1.0)
    assert evaluate(Blind(), EnvSettings(task="tiny_game"), episodes=1, workers=0).policy == "blind"
    assert load_policy(f"{__name__}:BLIND", TINY_TASK, TINY) is BLIND, "an imported policy stays itself"


def test_functions_play_on_workers_wherever_they_are_defined(tiny_folder, monkeypatch):
    def of_a_notebook(observation):
        return 2

    of_a_notebook.__module__, of_a_notebook.__qualname__ = "__main__", "of_a_notebook"
    monkeypatch.setattr(sys.modules["__main__"], "of_a_notebook", of_a_notebook, raising=False)
    env, lock = EnvSettings(world_model=tiny_folder), threading.Lock()
    with LocalExecutor(1) as worker:
        for policy in (lambda observation: 2, of_a_notebook, Counter()):
            assert evaluate(policy, env, episodes=2, workers=worker).mean == 1.0
        with pytest.raises(JobError, match=r"policy 'lambda' cannot be sent to a worker .*lock.*; pass workers=0"):
            evaluate(lambda observation: lock and 2, env, episodes=2, workers=worker)
    assert evaluate(lambda observation: lock and 2, env, episodes=2, workers=0).mean == 1.0


def test_a_path_is_a_file(tiny_world_model, tiny_folder, tmp_path):
    path = LinearController.zeros(tiny_world_model).save(tmp_path / "best.npz")
    env = EnvSettings(world_model=tiny_folder)
    assert evaluate(path, env, episodes=1, workers=0).policy == "controller"
    assert record(path, tmp_path / "film.gif", env, VideoSettings("real", steps=2)).is_file()
    collect(tmp_path / "rollouts", path, env, CollectSettings(episodes=1), workers=0)
    assert json.loads((tmp_path / "rollouts" / "collection.json").read_text())["policy"] == "best.npz"
    assert len(baselines(path, env, seeds=[1], workers=0)) == 3
    with pytest.raises(PolicyError, match="random is no policy's file"):
        evaluate(Path("random"), env, episodes=1, workers=0)


@pytest.mark.parametrize(
    ("policy", "match"),
    [
        (3, "the policy is a int, expected a function from observation to action, an agent"),
        (None, "the policy is a NoneType"),
        (np.zeros(3), "the policy is a ndarray"),
        (Counter, "the policy is the class Counter, expected an instance of it"),
        (Seedless(), r"policy 'Seedless': its reset takes no seed, expected reset\(seed\)"),
        (f"{__name__}:Counter", r"policy 'tests.*:Counter' is the class Counter, expected an instance"),
        (f"{__name__}:TINY_TASK", "is a Task, expected a function"),
    ],
)
def test_anything_else_is_refused_in_one_line(policy, match):
    with pytest.raises(PolicyError, match=match) as caught:
        as_policy(policy, TINY_TASK, TINY)
    assert "\n" not in str(caught.value)


def test_a_live_controller_of_another_game_is_refused(car_world_model):
    with pytest.raises(PolicyError, match="of task 'car_racing', it cannot play 'tiny_game'"):
        as_policy(LinearController.zeros(car_world_model), TINY_TASK, TINY)


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (None, "'lambda': it returned None"),
        (7, "'lambda': action 7 is not in"),
        ([1, 2], "'lambda': action"),
    ],
)
def test_an_answer_that_is_no_action_names_its_policy(answer, match, noise, tiny_folder, tmp_path):
    env, settings = EnvSettings(world_model=tiny_folder), CollectSettings(episodes=1, noise=noise)
    with pytest.raises(JobError, match=match):
        collect(tmp_path, lambda observation: answer, env, settings, workers=0)


def test_so_does_one_under_noise_on_a_box(car_world_model, tmp_path):
    env = EnvSettings(world_model=str(car_world_model.save(tmp_path / "car")))
    with pytest.raises(JobError, match=r"policy 'lambda': action has shape \(2,\), expected \(3,\)"):
        collect(tmp_path / "c", lambda observation: [0, 0], env, CollectSettings(episodes=1, noise=0.5), workers=0)


def collected(folder, policy, **env):
    collect(folder, policy, EnvSettings(**env), CollectSettings(episodes=1), workers=0)
    return json.loads((folder / "collection.json").read_text())


def test_a_collection_tells_live_policies_apart(tiny_world_model, tiny_folder, tmp_path):
    first = collected(tmp_path / "c", ConstantPolicy(TINY, 1), task="tiny_game")
    assert (first["policy"], first["policy_class"]) == ("constant", "dreamgym.policies.policy.ConstantPolicy")
    assert collected(tmp_path / "c", ConstantPolicy(TINY, 1), task="tiny_game") == first
    with pytest.raises(DataError, match="policy_sha256"):
        collected(tmp_path / "c", ConstantPolicy(TINY, 2), task="tiny_game")
    zeros, env = LinearController.zeros(tiny_world_model), {"world_model": tiny_folder}
    collected(tmp_path / "l", zeros, **env)
    with pytest.raises(DataError, match="policy_sha256"):
        collected(tmp_path / "l", LinearController(zeros.parameters + 1, zeros.task, zeros.codec), **env)
    lock = threading.Lock()
    unsent = collected(tmp_path / "u", lambda observation: lock and 2, **env)
    assert unsent["policy_sha256"] is None
    assert collected(tmp_path / "r", RandomPolicy(TINY), task="tiny_game")["policy"] == "random"
