"""Envs, policies and world models that are copied or pickled in mid-episode go on as the original does."""

import copy
import pickle

import cloudpickle
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

import dreamgym
from dreamgym import DreamEnv, LatentEnv
from dreamgym.dream.imagination import Dreams
from dreamgym.envs.dream_vector import DreamVectorEnv
from dreamgym.games.car_racing.env import FastCarRacing
from dreamgym.policies.controller import LinearController
from dreamgym.policies.exploration import NoisyPolicy, SmoothedRandomPolicy
from dreamgym.policies.policy import ConstantPolicy, RandomPolicy

COPIES = [
    copy.copy,
    copy.deepcopy,
    lambda env: pickle.loads(pickle.dumps(env)),
    lambda env: pickle.loads(cloudpickle.dumps(env)),
]
each_copy = pytest.mark.parametrize("again", COPIES, ids=["copy", "deepcopy", "pickle", "cloudpickle"])

MAKERS = {
    "dream": lambda folder: DreamEnv(folder, 0.7, 9),
    "made dream": lambda folder: gym.make("WorldModelDream-v0", world_model=folder, temperature=0.7),
    "latent": lambda folder: LatentEnv(folder, max_episode_steps=9),
    "made latent": lambda folder: gym.make("WorldModelLatent-v0", world_model=folder),
    **{
        engine: lambda folder, engine=engine: DreamVectorEnv(3, folder, max_episode_steps=9, engine=engine)
        for engine in ("separate", "numpy", "compiled")
    },
    "many": lambda folder: gym.make_vec("WorldModelDream-v0", num_envs=128, world_model=folder),
}


def played(env, steps, seed):
    """What the env returns for random actions. Single envs are reset where they end."""
    env.action_space.seed(seed)
    results = []
    for _ in range(steps):
        results.append(env.step(env.action_space.sample()))
        if isinstance(env, gym.Env) and (results[-1][2] or results[-1][3]):
            results.append(env.reset())
    return results


@each_copy
@pytest.mark.parametrize("name", MAKERS)
def test_a_copy_dreams_on_and_disturbs_nothing(tiny_folder, name, again):
    if again is copy.copy and name.startswith("made"):
        again = copy.deepcopy  # copy.copy of a Gymnasium wrapper shares the env
    env, other = MAKERS[name](tiny_folder), MAKERS[name](tiny_folder)
    for each in (env, other):
        each.reset(seed=5)
        played(each, 6, seed=1)
    twin = again(env)
    assert (twin.spec and twin.spec.to_json()) == (env.spec and env.spec.to_json())
    ahead = played(twin, 12, seed=2)
    assert data_equivalence(ahead, played(env, 12, seed=2), exact=True)
    assert data_equivalence(ahead, played(other, 12, seed=2), exact=True)


@each_copy
def test_a_copy_for_sb3_dreams_on(tiny_folder, again):
    pytest.importorskip("stable_baselines3")
    envs = dreamgym.SB3VecEnv(gym.make_vec("WorldModelDream-v0", num_envs=128, world_model=tiny_folder))
    envs.seed(0)
    envs.reset()
    envs.step(np.ones(128, int))
    twin = again(envs)
    actions = np.random.default_rng(0).integers(3, size=(25, 128))
    assert data_equivalence([twin.step(a) for a in actions], [envs.step(a) for a in actions], exact=True)
    twin.set_attr("temperature", 0.5)
    assert envs.get_attr("temperature", 0) == [1.0]


@each_copy
def test_a_copied_car_game_is_a_new_one_with_all_arguments(again):
    env = FastCarRacing(None, False, 0.9, True, False, draw=False)
    env.reset(seed=0)
    twin = again(env)
    assert (twin.lap_complete_percent, twin.domain_randomize, twin.continuous) == (0.9, True, False)
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        twin.step(0)
    observation, _ = twin.reset(seed=3)
    assert not observation.any(), "it draws"
    env.reset(seed=3)
    assert data_equivalence(twin.step(3)[1:], env.step(3)[1:], exact=True)
    assert again(again(env)).reset(seed=0)[0].any() == 0
    env.close()
    twin.close()


def test_a_copied_car_game_that_gym_made_keeps_its_spec():
    env = gym.make("FastCarRacing-v0", draw=False, disable_env_checker=True)
    twin = copy.deepcopy(env)
    assert twin.spec.to_json() == env.spec.to_json()
    env.close()


@each_copy
@pytest.mark.parametrize("renderer", ["fast", "stock"])
def test_a_latent_env_whose_game_cannot_be_copied_asks_for_a_reset(car_world_model, tmp_path, renderer, again):
    folder = car_world_model.save(tmp_path)
    env = LatentEnv(folder, renderer=renderer, max_episode_steps=2, render_mode="rgb_array")
    env.reset(seed=0)
    env.step(np.zeros(3, np.float32))
    twin = again(env)
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        twin.step(np.zeros(3, np.float32))
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        twin.render()
    assert env.step(np.zeros(3, np.float32))[3], "the original goes on to its second step"
    actions = [np.array([0.1, 0.5, 0], np.float32)] * 2
    results = [(each.reset(seed=2)[0], [each.step(action) for action in actions]) for each in (env, twin)]
    assert data_equivalence(*results, exact=True)
    env.close()
    twin.close()


def test_a_world_model_is_copied_after_it_saw_many_frames(tiny_world_model):
    model = tiny_world_model.replace(temperature=0.9)
    z = np.random.default_rng(0).standard_normal((9, 4)).astype(np.float32)
    frames = model.decode(z)  # so many that TensorFlow decodes them
    for again in COPIES:
        twin = again(model)
        assert (twin.temperature, twin.task.name, twin.observation_size) == (0.9, "tiny_game", 12)
    np.testing.assert_array_equal(twin.decode(z), frames)


def test_a_rendered_batch_of_dreams_is_copied(tiny_folder):
    envs = DreamVectorEnv(9, tiny_folder, render_mode="rgb_array")
    envs.reset(seed=0)
    pictures = envs.render()
    np.testing.assert_array_equal(copy.deepcopy(envs).render(), pictures)


@each_copy
def test_policies_go_on(tiny_world_model, again):
    codec, task = tiny_world_model.codec, tiny_world_model.task
    controller = LinearController.zeros(tiny_world_model)
    policies = [
        controller,
        RandomPolicy(codec),
        ConstantPolicy(codec, 2),
        SmoothedRandomPolicy(codec),
        NoisyPolicy(controller, codec, task.exploration, 0.5),
    ]
    observation = np.zeros(tiny_world_model.observation_size, np.float32)
    for policy in policies:
        policy.reset(0)
        policy(observation)
        twin = again(policy) if again is not copy.copy else copy.deepcopy(policy)
        assert [twin(observation) for _ in range(20)] == [policy(observation) for _ in range(20)], policy


@each_copy
def test_dreams_keep_what_they_are(tiny_world_model, again):
    dreams = Dreams(2, 5, np.array([0.5, 1.0]), starts=[1, 2], members=(tiny_world_model.memory,))
    assert data_equivalence(vars(again(dreams)), vars(dreams), exact=True)
