"""What Gymnasium asks of every env, asked of every id that dreamgym registers."""

import gc
import tracemalloc
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence

import dreamgym
from dreamgym.envs.dream_vector import DreamVectorEnv
from dreamgym.errors import ActionError, DreamGymError, SettingsError, TaskError, WorldModelError
from tests.conftest import random_world_model
from tests.tiny_game import TINY_TASK

WORLD_MODEL_IDS = ["WorldModelDream-v0", "WorldModelLatent-v0"]
CASES = [("FastCarRacing-v0", None)] + [(env_id, game) for env_id in WORLD_MODEL_IDS for game in ("car", "tiny")]


@pytest.fixture(scope="module")
def folders(tiny_world_model, car_world_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("world_models")
    return {"tiny": tiny_world_model.save(root / "tiny"), "car": car_world_model.save(root / "car"), "root": root}


@pytest.fixture
def make(folders):
    made = []

    def make_one(env_id, game, **kwargs):
        if game is not None:
            kwargs["world_model"] = str(folders[game])
        made.append(gym.make(env_id, **kwargs))
        return made[-1]

    yield make_one
    for env in made:
        env.close()


def play(env, seed, actions):
    steps = [env.reset(seed=seed)]
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2] or steps[-1][3]:
            steps.append(env.reset())
    return steps


@pytest.mark.parametrize(("env_id", "game"), CASES)
def test_gymnasiums_checker_finds_nothing(make, monkeypatch, env_id, game):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # a display's OpenGL brings an LLVM that TensorFlow crashes on
    env = make(env_id, game, render_mode="rgb_array", disable_env_checker=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


@pytest.mark.parametrize(("env_id", "game"), CASES)
def test_a_seed_replays_exactly(make, env_id, game):
    env, other = make(env_id, game), make(env_id, game)
    env.action_space.seed(7)
    actions = [env.action_space.sample() for _ in range(12)]
    other.reset(seed=99)
    first, second = play(env, 0, actions), play(other, 0, actions)
    assert data_equivalence(first, second, exact=True)
    assert not np.array_equal(first[-1][0], play(env, 1, actions)[-1][0])


@pytest.mark.parametrize(("env_id", "game"), CASES)
def test_what_it_returns_is_the_callers_to_keep(make, env_id, game):
    env = make(env_id, game)
    kept = [env.reset(seed=0)[0]]
    copies = [kept[0].copy()]
    for _ in range(5):
        kept.append(env.step(env.action_space.sample())[0])
        copies.append(kept[-1].copy())
    for mine, copy in zip(kept, copies, strict=True):
        assert mine in env.observation_space
        np.testing.assert_array_equal(mine, copy)


@pytest.mark.parametrize("game", ["car", "tiny"])
def test_dream_and_game_have_the_same_spaces(make, game):
    dream, latent = (make(env_id, game) for env_id in WORLD_MODEL_IDS)
    assert dream.observation_space == latent.observation_space
    assert dream.action_space == latent.action_space
    assert dream.observation_space.is_bounded()


@pytest.mark.parametrize("env_id", WORLD_MODEL_IDS)
def test_both_truncate_by_themselves(make, env_id):
    env = make(env_id, "car")
    assert env.spec.max_episode_steps is None
    short = type(env.unwrapped)(world_model=str(env.unwrapped.spec.kwargs["world_model"]), max_episode_steps=3)
    short.reset(seed=0)
    ends = [short.step(short.action_space.sample())[2:4] for _ in range(3)]
    short.close()
    assert [truncated for _, truncated in ends] == [False, False, True]


@pytest.mark.parametrize("env_id", WORLD_MODEL_IDS)
@pytest.mark.parametrize("action", [np.array([np.nan, 0, 0]), np.zeros(2), np.zeros((1, 3)), "left", None])
def test_an_action_that_is_none_is_refused(make, env_id, action):
    env = make(env_id, "car", disable_env_checker=True)
    env.reset(seed=0)
    with pytest.raises(ActionError):
        env.step(action)


@pytest.mark.parametrize("env_id", WORLD_MODEL_IDS)
def test_an_action_that_overshoots_is_clipped(make, env_id):
    outcomes = []
    for action in ([1.0, 1.0, 0.0], [1.5, 3.0, -1.0]):
        env = make(env_id, "car", disable_env_checker=True)
        env.reset(seed=0)
        outcomes.append([env.step(np.array(action, np.float32))[:4] for _ in range(3)])
    assert data_equivalence(*outcomes, exact=True)


@pytest.mark.parametrize("env_id", WORLD_MODEL_IDS)
def test_bad_arguments_say_what_is_wrong(folders, env_id, tmp_path):
    incomplete = random_world_model(TINY_TASK, gym.spaces.Discrete(3), 8).save(tmp_path / "incomplete")
    (incomplete / "memory.npz").unlink()
    foreign = random_world_model(TINY_TASK, gym.spaces.Discrete(3), 8).save(tmp_path / "foreign")
    description = foreign / "world_model.json"
    description.write_text(description.read_text().replace("tiny_game", "tiny_gam"))
    mixed = random_world_model(TINY_TASK, gym.spaces.Discrete(3), 8).save(tmp_path / "mixed")
    (mixed / "memory.npz").write_bytes((folders["car"] / "memory.npz").read_bytes())
    bad = [
        ({"world_model": "no/such/folder"}, WorldModelError, "no/such/folder"),
        ({"world_model": str(incomplete)}, WorldModelError, r"memory\.npz is missing"),
        ({"world_model": str(foreign)}, TaskError, "did you mean 'tiny_game'"),
        ({"world_model": str(mixed)}, WorldModelError, r"memory\.kernel has shape"),
        ({"world_model": str(folders["tiny"]), "render_mode": "ansi"}, SettingsError, "rgb_array"),
    ]
    for kwargs, error, match in bad:
        with pytest.raises(error, match=match):
            dict(zip(WORLD_MODEL_IDS, (dreamgym.DreamEnv, dreamgym.LatentEnv), strict=True))[env_id](**kwargs)


def test_render_without_a_mode_warns_and_gives_nothing(folders):
    folder = str(folders["tiny"])
    for env in (dreamgym.DreamEnv(folder), dreamgym.LatentEnv(folder), DreamVectorEnv(2, folder)):
        env.reset(seed=0)
        with pytest.warns(UserWarning, match="without a render mode"):
            assert env.render() is None
        env.close()


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_must_be_above_zero(make, temperature):
    with pytest.raises(DreamGymError, match="temperature"):
        make("WorldModelDream-v0", "tiny", temperature=temperature)


def test_many_dream_steps_and_pictures_take_no_memory(make):
    env = make("WorldModelDream-v0", "tiny", render_mode="rgb_array").unwrapped

    def dream(steps):
        env.reset(seed=0)
        for step in range(steps):
            over = env.step(step % 3)[2:4]
            if step % 10 == 0:
                env.render()
            if any(over):
                env.reset()

    dream(300)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    dream(1500)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100_000, f"{grown} bytes are left behind"
