"""Agents of Stable-Baselines3 and sb3-contrib play as what they are, and what does not fit is refused in one line."""

import sys
import zipfile

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("stable_baselines3")
pytest.importorskip("sb3_contrib")

import sb3_contrib
import stable_baselines3
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from dreamgym.actions import ActionCodec
from dreamgym.errors import DataError, PolicyError
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.policies.load import as_policy, load_policy
from dreamgym.policies.sb3 import SB3_CONTRIB, STABLE_BASELINES3
from dreamgym.running.jobs import LocalExecutor
from dreamgym.tasks import Task
from tests.jobs_for_tests import torch_threads
from tests.tiny_game import TINY_TASK

SIZE = TINY_TASK.latent_size + TINY_TASK.hidden_size
CHOICES, PEDALS = gym.spaces.Discrete(3), gym.spaces.Box(np.array([-1, 0], np.float32), np.ones(2, np.float32))
PEDAL_TASK = Task(name="pedals", env_id="Pedals-v0")
CHOOSING = ("A2C", "DQN", "MaskablePPO", "PPO", "QRDQN", "RecurrentPPO", "TRPO")
BUFFERED = ("CrossQ", "DDPG", "DQN", "QRDQN", "SAC", "TD3", "TQC")


class Spaces(gym.Env):
    """All that an agent asks of its env before it trains."""

    def __init__(self, actions, observations=None):
        self.action_space = actions
        self.observation_space = observations or gym.spaces.Box(-np.inf, np.inf, (SIZE,), np.float32)


class OwnRecurrent(sb3_contrib.common.recurrent.policies.RecurrentActorCriticPolicy):
    """A user's own network."""


def agent(name, actions=None, policy=None, observations=None, **kwargs):
    made_by = sb3_contrib if name in SB3_CONTRIB else stable_baselines3
    actions = actions or (CHOICES if name in CHOOSING else PEDALS)
    small = {"net_arch": [4]}
    if name == "RecurrentPPO":
        policy, small = policy or "MlpLstmPolicy", {"net_arch": [4], "lstm_hidden_size": 4}
    if name in BUFFERED:
        kwargs = {"buffer_size": 10, **kwargs}
    made = getattr(made_by, name)(
        policy or "MlpPolicy",
        Spaces(actions, observations),
        seed=0,
        device="cpu",
        policy_kwargs={**small, **kwargs.pop("policy_kwargs", {})},
        **kwargs,
    )
    with torch.no_grad():
        for parameter in made.policy.parameters():
            parameter.mul_(3)  # so that actions differ between observations
    return made


def observations(steps=12):
    return np.random.default_rng(0).standard_normal((steps, SIZE)).astype(np.float32)


def played(policy, seed=0):
    policy.reset(seed)
    return np.array([policy(row) for row in observations()])


def load(path, actions):
    return load_policy(str(path), TINY_TASK if actions is CHOICES else PEDAL_TASK, ActionCodec(actions))


@pytest.mark.parametrize("name", sorted((*STABLE_BASELINES3, *SB3_CONTRIB)))
def test_every_class_is_loaded_as_itself(name, tmp_path):
    model = agent(name)
    model.save(tmp_path / "agent.zip")
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    policy = load(tmp_path / "agent.zip", model.action_space)
    assert np.array_equal(np.random.get_state()[1], state), "the global generator was seeded"  # noqa: NPY002
    assert policy.name == name.lower()
    assert type(policy.model) is type(model)
    if name != "RecurrentPPO":
        expected = [model.predict(row, deterministic=True)[0] for row in observations()]
        np.testing.assert_allclose(played(policy), expected, rtol=1e-6)


def memory_by_hand(model):
    """Actions of a recurrent agent as its library's documentation says to ask for them."""
    actions, state, begins = [], None, np.ones(1, bool)
    for row in observations():
        action, state = model.predict(row, state=state, episode_start=begins, deterministic=True)
        begins = np.zeros(1, bool)
        actions.append(action)
    return np.array(actions)


@pytest.mark.parametrize("network", ["MlpLstmPolicy", OwnRecurrent])
def test_a_recurrent_agent_remembers_within_an_episode_alone(network, tmp_path):
    model = agent("RecurrentPPO", PEDALS, network)
    model.save(tmp_path / "agent.zip")
    policy, expected = load(tmp_path / "agent.zip", PEDALS), memory_by_hand(model)
    forgetful = np.array([model.predict(row, deterministic=True)[0] for row in observations()])
    assert np.abs(expected - forgetful).max() > 0.01, "an agent whose memory changes nothing shows nothing"
    for seed in (0, 1):
        np.testing.assert_allclose(played(policy, seed), expected, atol=1e-6)


def test_a_large_replay_buffer_is_not_built_again(tmp_path):
    model = agent("SAC")
    model.buffer_size = 10**15
    model.save(tmp_path / "sac.zip")
    assert load(tmp_path / "sac.zip", PEDALS).name == "sac"


PIXELS = gym.spaces.Box(0, 255, (SIZE, 1), np.float32)


@pytest.mark.parametrize(
    ("actions", "kwargs", "match"),
    [
        (gym.spaces.Discrete(5), {}, r"agent.zip: agent 'ppo' acts in Discrete\(5\), the task in Discrete\(3\)"),
        (PEDALS, {}, r"acts in Box\(\[-1.0, 0.0\], \[1.0, 1.0\]\), the task in Discrete\(3\)"),
        (CHOICES, {"observations": PIXELS}, r"observes Box.*expected a Box of one dimension"),
    ],
)
def test_an_agent_of_other_spaces_is_refused_before_the_first_step(actions, kwargs, match, tmp_path):
    agent("PPO", actions, **kwargs).save(tmp_path / "agent.zip")
    with pytest.raises(PolicyError, match=match):
        load(tmp_path / "agent.zip", CHOICES)


def test_an_agent_of_rescaled_actions_is_refused(tmp_path):
    agent("SAC", gym.spaces.Box(-1, 1, (2,))).save(tmp_path / "agent.zip")
    with pytest.raises(PolicyError, match=r"acts in Box\(\[-1.0, -1.0\].*the task in Box\(\[-1.0, 0.0\]"):
        load(tmp_path / "agent.zip", PEDALS)
    with pytest.raises(PolicyError, match="start=1"):
        as_policy(agent("PPO"), TINY_TASK, ActionCodec(gym.spaces.Discrete(3, start=1)))


def test_an_agent_of_another_observation_is_refused_with_both_sizes(tiny_folder, tmp_path):
    agent("PPO", observations=gym.spaces.Box(-1, 1, (9,))).save(tmp_path / "ppo.zip")
    with pytest.raises(PolicyError, match="'ppo' reads 9 numbers, the world model gives 12"):
        evaluate(str(tmp_path / "ppo.zip"), EnvSettings(world_model=tiny_folder), episodes=1, workers=0)


def rewritten(path, change):
    """The zip with another ``data``."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (files | change).items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda path: path.write_bytes(b"no zip"), "not a model that Stable-Baselines3 saved"),
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), "not a model that Stable-Baselines3 saved"),
        (lambda path: rewritten(path, {"data": b"{"}), "not a model that Stable-Baselines3 saved"),
        (lambda path: rewritten(path, {"data": b"[1]"}), "not a model that Stable-Baselines3 saved"),
        (lambda path: rewritten(path, {"data": b'{"policy_class": {"__module__": "own.net"}}'}), "unknown.*of own.net"),
        (lambda path: rewritten(path, {"policy.pth": b"nothing"}), r"agent.zip \(A2C\) cannot be loaded"),
    ],
)
def test_a_zip_that_is_no_agent_is_named_in_one_line(damage, match, tmp_path):
    path = tmp_path / "agent.zip"
    agent("A2C").save(path)
    damage(path)
    with pytest.raises(PolicyError, match=match) as caught:
        load(path, CHOICES)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["TQC", "RecurrentPPO"])
def test_a_missing_library_is_named_with_the_way_to_install_it(name, tmp_path, monkeypatch):
    model = agent(name)
    model.save(tmp_path / "agent.zip")
    for module in [module for module in sys.modules if module.startswith("sb3_contrib")]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PolicyError, match=r"needs sb3-contrib; pip install 'dreamgym\[sb3\]'"):
        load(tmp_path / "agent.zip", model.action_space)


class OwnNetwork(ActorCriticPolicy):
    """A user's own network for PPO."""


def test_live_agents_play_as_their_files_do_here_and_on_workers(tiny_folder, tmp_path):
    env, model = EnvSettings(world_model=tiny_folder), agent("RecurrentPPO")
    model.learning_rate = model.lr_schedule = lambda left: left  # which no plain pickle takes
    model.save(tmp_path / "agent.zip")
    scores = {}
    with LocalExecutor(1) as worker:
        for workers in (0, worker):
            for policy in (model, tmp_path / "agent.zip"):
                result = evaluate(policy, env, episodes=5, workers=workers)
                assert (result.policy, result.failed) == ("recurrentppo", [])
                scores[workers, policy] = result.returns, result.lengths
        (threads,) = worker.run(torch_threads, [0], deadline=60)
    assert len({str(score) for score in scores.values()}) == 1
    assert threads.value == 1


def test_an_agents_network_alone_and_a_subclass_are_agents_too():
    model = agent("PPO", policy=OwnNetwork)
    alone = as_policy(model.policy, TINY_TASK, ActionCodec(CHOICES))
    assert alone.name == "ownnetwork"
    np.testing.assert_array_equal(played(alone), played(as_policy(model, TINY_TASK, ActionCodec(CHOICES))))


def test_a_collection_is_of_one_agent(tiny_folder, tmp_path):
    model, env = agent("PPO"), EnvSettings(world_model=tiny_folder)
    collect(tmp_path, model, env, CollectSettings(episodes=1), workers=0)
    assert collect(tmp_path, model, env, CollectSettings(episodes=2), workers=0).kept == 1
    with torch.no_grad():
        next(model.policy.parameters()).add_(1)
    with pytest.raises(DataError, match="policy_sha256"):
        collect(tmp_path, model, env, CollectSettings(episodes=2), workers=0)
