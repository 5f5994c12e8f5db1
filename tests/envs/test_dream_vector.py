"""The batched dream: Gymnasium's vector contract, and agreement with the single one through the public API."""

import gymnasium as gym
import numpy as np
import pytest

import dreamgym
from dreamgym.dream.noise import NOISE_BLOCK
from dreamgym.dream.steppers import CompiledStepper, NumpyStepper, SeparateStepper
from dreamgym.envs.dream_vector import COMPILED_FROM, SEPARATE_TO
from dreamgym.errors import ActionError, SettingsError, WorldModelError

ENGINES = ["separate", "numpy", "compiled"]


@pytest.fixture(scope="module")
def folder(car_world_model, tmp_path_factory):
    return str(car_world_model.save(tmp_path_factory.mktemp("car")))


@pytest.fixture(scope="module")
def tiny_folder(tiny_world_model, tmp_path_factory):
    """Dreams that end by themselves after a few steps, each at another."""
    bias = tiny_world_model.memory.head_bias.copy()
    bias[-1] = -0.1
    kernel = tiny_world_model.memory.head_kernel.copy()
    kernel[:, -1] *= 4
    ending = tiny_world_model.replace(memory=tiny_world_model.memory._replace(head_bias=bias, head_kernel=kernel))
    return str(ending.save(tmp_path_factory.mktemp("tiny")))


def make(folder, num_envs, **kwargs):
    return gym.make_vec("WorldModelDream-v0", num_envs=num_envs, world_model=folder, **kwargs)


@pytest.mark.parametrize("engine", ENGINES)
def test_env_i_dreams_what_a_single_env_seeded_alike_dreams(tiny_folder, engine):
    n, steps, seed = 5, NOISE_BLOCK + 40, 20
    envs = make(tiny_folder, n, engine=engine)
    singles = [gym.make("WorldModelDream-v0", world_model=tiny_folder) for _ in range(n)]
    observations, infos = envs.reset(seed=seed)
    over = [False] * n
    for i, single in enumerate(singles):
        observation, info = single.reset(seed=seed + i)
        np.testing.assert_allclose(observations[i], observation, atol=1e-5)
        assert infos["start"][i] == info["start"]
    rng, ends = np.random.default_rng(0), set()
    for step in range(steps):
        actions = rng.integers(3, size=n)
        observations, rewards, terminated, truncated, infos = envs.step(actions)
        for i, single in enumerate(singles):
            if over[i]:
                expected = (*single.reset()[:1], 0.0, False, False)
            else:
                *expected, info = single.step(actions[i])
                assert infos["_target"][i]
                assert infos["target"][i] == pytest.approx(info["target"], abs=1e-4)
            np.testing.assert_allclose(observations[i], expected[0], atol=1e-4)
            assert rewards[i] == pytest.approx(expected[1], abs=1e-4)
            assert (terminated[i], truncated[i]) == (expected[2], expected[3])
            ends |= {(i, step)} if terminated[i] or truncated[i] else set()
            over[i] = expected[2] or expected[3]
    assert len({step for _, step in ends}) > 3, "the dreams were meant to end at different steps"


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree_over_a_long_dream(folder, engine):
    envs, others = make(folder, 3, engine=engine), make(folder, 3, vectorization_mode="sync")
    first = envs.reset(seed=0)[0], others.reset(seed=0)[0]
    np.testing.assert_allclose(*first, atol=1e-5)
    envs.action_space.seed(0)
    for _ in range(150):
        actions = envs.action_space.sample()
        mine, theirs = envs.step(actions), others.step(actions)
        np.testing.assert_allclose(mine[0], theirs[0], atol=1e-3)
    others.close()


def test_sync_and_async_work_too(folder):
    for mode in ("sync", "async"):
        envs = make(folder, 2, vectorization_mode=mode, max_episode_steps=2)
        observations, _ = envs.reset(seed=0)
        assert observations.shape == (2, 48)
        envs.step(envs.action_space.sample())
        assert envs.step(envs.action_space.sample())[3].all()
        envs.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_next_step_autoreset_and_final_observations(folder, engine):
    envs = make(folder, 3, engine=engine, max_episode_steps=4)
    assert envs.metadata["autoreset_mode"] == gym.vector.AutoresetMode.NEXT_STEP
    begun = envs.reset(seed=0)[0]
    actions = np.zeros((3, 3), np.float32)
    steps = [envs.step(actions) for _ in range(5)]
    assert [step[3].tolist() for step in steps] == [[False] * 3] * 3 + [[True] * 3, [False] * 3]
    assert not np.array_equal(steps[3][0], steps[4][0]), "step 4 shows the last observation, step 5 the next dream's"
    assert (steps[4][1] == 0).all()
    assert not steps[4][4]["_target"].any()
    assert not np.allclose(steps[4][0], begun), "the next dream is another one"
    assert not np.array_equal(envs.step(actions)[1], np.zeros(3))


@pytest.mark.parametrize("engine", ENGINES)
def test_shapes_and_dtypes(folder, engine):
    envs = make(folder, 4, engine=engine)
    assert envs.reset(seed=1)[0] in envs.observation_space
    for _ in range(3):
        observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
        assert observations in envs.observation_space
        assert (rewards.dtype, terminated.dtype, truncated.dtype) == (np.float64, np.bool_, np.bool_)
        assert all(array.shape == (4,) for array in (rewards, terminated, truncated, *infos.values()))


@pytest.mark.parametrize("engine", ENGINES)
def test_returned_arrays_belong_to_the_caller(folder, engine):
    envs, untouched = (make(folder, 4, engine=engine, max_episode_steps=6) for _ in range(2))
    actions = np.random.default_rng(0).uniform(0, 1, (10, 4, 3)).astype(np.float32)
    kept, copies = [], []
    for returned, expected in zip(rollout(envs, actions), rollout(untouched, actions), strict=True):
        for mine, theirs in zip(returned, expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        for array, copy in zip(kept, copies, strict=True):
            np.testing.assert_array_equal(array, copy, err_msg="a later step changed an array that was returned")
        for array in returned:
            array[:] = 1 if array.dtype == bool else 7
        kept += returned
        copies += [array.copy() for array in returned]


def rollout(envs, actions):
    """The arrays that a reset and each step return."""
    observations, infos = envs.reset(seed=1)
    yield [observations, *infos.values()]
    for action in actions:
        *arrays, infos = envs.step(action)
        yield [*arrays, *infos.values()]


@pytest.mark.parametrize("engine", ENGINES)
def test_seeds_replay_exactly_and_seed_lists_count_each(folder, engine):
    actions = np.full((3, 3), 0.3, np.float32)

    def play(seed):
        envs = make(folder, 3, engine=engine)
        return [envs.reset(seed=seed)[0]] + [envs.step(actions)[0] for _ in range(70)]

    np.testing.assert_array_equal(play(5), play(5))
    np.testing.assert_array_equal(play(5), play([5, 6, 7]))
    assert not np.array_equal(play(0), play(1))
    assert not np.array_equal(play(None), play(None))


def test_reset_goes_on_with_the_generators_unless_reseeded(folder):
    envs = make(folder, 3)
    first, second = envs.reset(seed=0)[0], envs.reset()[0]
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(envs.reset(seed=0)[0], first)
    part = envs.reset(seed=[9, None, None], options={"reset_mask": np.array([True, False, False])})[0]
    assert not np.allclose(part[0], first[0])
    np.testing.assert_array_equal(part[1:], first[1:])


def test_options_are_those_of_the_single_dream(folder):
    envs = make(folder, 2)
    _, infos = envs.reset(seed=0, options={"start": 3, "temperature": 0.01})
    assert infos["start"].tolist() == [3, 3]
    single = gym.make("WorldModelDream-v0", world_model=folder)
    single.reset(seed=1, options={"start": 3, "temperature": 0.01})
    actions = np.zeros((2, 3), np.float32)
    np.testing.assert_allclose(envs.step(actions)[0][1], single.step(actions[1])[0], atol=1e-5)


def test_many_dreams_draw_their_noise_on_threads_and_are_the_same(folder):
    many, one = make(folder, 150, engine="numpy"), gym.make("WorldModelDream-v0", world_model=folder)
    many.reset(seed=0)
    one.reset(seed=149)
    actions = np.zeros((150, 3), np.float32)
    for _ in range(3):
        np.testing.assert_allclose(many.step(actions)[0][149], one.step(actions[0])[0], atol=1e-5)


def test_render_gives_a_picture_an_env(folder):
    envs, single = make(folder, 2, render_mode="rgb_array"), dreamgym.DreamEnv(folder, render_mode="rgb_array")
    envs.reset(seed=0)
    single.reset(seed=1)
    pictures = envs.render()
    assert len(pictures) == 2
    assert np.abs(pictures[1].astype(int) - single.render()).max() <= 1


def test_the_engine_follows_the_number_of_dreams(folder):
    for n, stepper in (
        (1, SeparateStepper),
        (SEPARATE_TO, SeparateStepper),
        (SEPARATE_TO + 1, NumpyStepper),
        (COMPILED_FROM, CompiledStepper),
    ):
        assert isinstance(dreamgym.DreamVectorEnv(n, folder)._stepper, stepper)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"num_envs": 0}, SettingsError, "num_envs"),
        ({"engine": "quick"}, SettingsError, "engine"),
        ({"temperature": 0}, WorldModelError, "temperature"),
        ({"max_episode_steps": 0}, SettingsError, "max_episode_steps"),
        ({"render_mode": "ansi"}, SettingsError, "render_mode"),
    ],
)
def test_wrong_arguments_are_named(folder, kwargs, error, message):
    with pytest.raises(error, match=message):
        dreamgym.DreamVectorEnv(**{"num_envs": 2, "world_model": folder} | kwargs)


def test_wrong_use_is_named(folder):
    envs = dreamgym.DreamVectorEnv(2, folder, render_mode="rgb_array")
    for use in (lambda: envs.step(np.zeros((2, 3))), envs.render):
        with pytest.raises(gym.error.ResetNeeded):
            use()
    with pytest.raises(gym.error.ResetNeeded, match="reset_mask"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(SettingsError, match="2 envs"):
        envs.reset(seed=[1, 2, 3])
    with pytest.raises(SettingsError, match="reset_mask"):
        envs.reset(options={"reset_mask": [1, 0]})
    envs.reset(seed=0)
    with pytest.raises(ActionError, match="2 envs"):
        envs.step(np.zeros((3, 3)))
    with pytest.raises(ActionError, match="NaN"):
        envs.step(np.full((2, 3), np.nan))
