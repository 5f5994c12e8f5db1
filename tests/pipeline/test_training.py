"""From episodes of the tiny game to a world model that dreams, piece by piece."""

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.data.encode import encode_rollouts
from dreamgym.data.episodes import list_episodes
from dreamgym.data.latents import read_latents
from dreamgym.errors import DataError, WorldModelError
from dreamgym.models.arrays import load_memory, load_vision, write_arrays
from dreamgym.models.settings import MemorySettings, VisionSettings
from dreamgym.pipeline import training as stages
from dreamgym.pipeline.training import Parts, StartSettings
from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.world_model import WorldModel

VISION = VisionSettings(epochs=1, batch_size=16)
MEMORY = MemorySettings(epochs=1, batch_size=4, sequence_length=6)


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory):
    """Two folders of episodes, as two rounds leave them."""
    home = tmp_path_factory.mktemp("rollouts")
    for round_ in (0, 1):
        collect(
            home / f"{round_}-smoothed",
            "smoothed",
            EnvSettings(task="tests.tiny_game:TINY_TASK"),
            CollectSettings(episodes=10),
            workers=0,
            seed=round_,
        )
    return [home / "0-smoothed", home / "1-smoothed"]


@pytest.fixture(scope="module")
def latents(rollouts, tiny_world_model):
    for folder in rollouts:
        encode_rollouts(folder, folder.parent / f"latents-{folder.name}", tiny_world_model.vision)
    return [folder.parent / f"latents-{folder.name}" for folder in rollouts]


@pytest.fixture(scope="module")
def split(latents, vision):
    return stages.read_split(latents, vision, 0.2, seed=0)


@pytest.fixture(scope="module")
def memory(tiny_task, split, tmp_path_factory):
    return stages.fit_memory(tiny_task, split, tmp_path_factory.mktemp("memory"), MEMORY, verbose=0)


@pytest.fixture(scope="module")
def vision(tiny_world_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("vision") / "vision.npz"
    write_arrays(path, tiny_world_model.vision)
    return path


def test_v_is_fitted_to_the_tasks_size_and_saved(tiny_task, rollouts, tmp_path):
    path = stages.fit_vision(tiny_task, list_episodes(rollouts[0]), tmp_path / "V", VISION, verbose=0)
    assert path == tmp_path / "V" / "vision.npz"
    arrays = load_vision(path)
    assert arrays["mu_bias"].shape == (tiny_task.latent_size,)
    assert np.abs(arrays["mu_bias"]).max() > 0, "biases begin at zero; these were never trained"
    assert len((tmp_path / "V" / "log.csv").read_text().splitlines()) == 2


def test_fewer_frames_than_a_batch_are_one_batch(tiny_task, rollouts, tmp_path):
    few = list_episodes(rollouts[0])[:2]
    path = stages.fit_vision(tiny_task, few, tmp_path / "V", VisionSettings(epochs=1, batch_size=5000), verbose=0)
    assert load_vision(path)


def test_one_episode_is_too_few_to_hold_any_out(tiny_task, rollouts, tmp_path):
    with pytest.raises(DataError, match="expected at least 2"):
        stages.fit_vision(tiny_task, list_episodes(rollouts[0])[:1], tmp_path, VISION, verbose=0)


def test_the_same_episodes_are_held_out_whatever_other_rounds_there_are(latents, vision, split):
    train, held = split
    _, first_held = stages.read_split(latents[:1], vision, 0.2, seed=0)
    assert [len(first_held), len(held)] == [2, 4]
    assert [episode.seed for episode in held[:2]] == [episode.seed for episode in first_held]
    assert len(train) + len(held) == 20
    assert {e.source for e in train} & {e.source for e in held} == set()
    assert {e.source for e in train} | {e.source for e in held} == {e.source for f in latents for e in read_latents(f)}
    other = stages.read_split(latents[:1], vision, 0.2, seed=1)[1]
    assert [e.source for e in other] != [e.source for e in first_held]


def test_m_has_the_tasks_size_and_the_next_one_goes_on_from_it(tiny_task, split, memory, tmp_path):
    arrays = load_memory(memory)
    assert arrays.recurrent_kernel.shape == (tiny_task.hidden_size, 4 * tiny_task.hidden_size)
    assert arrays.head_bias.shape == (3 * tiny_task.n_mixtures * tiny_task.latent_size + 2,)
    gentle = MemorySettings(epochs=1, batch_size=4, sequence_length=6, learning_rate=1e-6, final_learning_rate=1e-6)
    again = stages.fit_memory(tiny_task, split, tmp_path / "on", gentle, start_from=memory, verbose=0)
    for before, after in zip(arrays, load_memory(again), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-3)
        assert (after != before).any()


def test_a_missing_part_is_named(tmp_path):
    with pytest.raises(WorldModelError, match=r"memory\.npz is missing"):
        load_memory(tmp_path / "memory.npz")
    with pytest.raises(WorldModelError, match=r"vision\.npz is missing"):
        load_vision(tmp_path / "vision.npz")


def test_the_parts_become_a_world_model_that_dreams_from_training_data(tiny_task, split, vision, memory, tmp_path):
    train, held = split
    parts, starts = Parts(vision, memory, train), StartSettings(30, 2, 0.0)
    model = stages.assemble(tiny_task, parts, starts, temperature=0.5, seed=0, details={"round": 3})
    assert model.starts.mu.shape == (30, 3, tiny_task.latent_size)
    known = {row.tobytes() for episode in train for row in episode.mu}
    unknown = {row.tobytes() for episode in held for row in episode.mu} - known
    begun = {row.tobytes() for start in model.starts.mu for row in start}
    assert begun <= known
    assert begun & unknown == set()
    folder = model.save(tmp_path / "world_model")
    loaded = WorldModel.load(folder)
    assert (loaded.temperature, loaded.details["round"]) == (0.5, 3)
    assert loaded.action_space == gym.spaces.Discrete(3)
    env = gym.make("WorldModelDream-v0", world_model=str(folder))
    env.reset(seed=0)
    assert env.observation_space.contains(env.step(1)[0])


def test_what_m_knows_is_measured_and_drawn(tiny_task, split, vision, memory, tmp_path):
    train, held = split
    model = stages.assemble(tiny_task, Parts(vision, memory, train), StartSettings(3, 2))
    (tmp_path / "figures").mkdir()
    figures = stages.measure(model, held, tmp_path / "figures")
    assert set(figures["nll"]) == {"memory", "unit_gaussian", "persistence"}
    assert all(np.isfinite(nll) for nll in figures["nll"].values())
    assert "target_correlation" in figures
    assert (tmp_path / "figures" / "fidelity.png").read_bytes()[1:4] == b"PNG"


def test_one_long_episode_does_not_keep_m_from_being_measured_on_the_others(
    tiny_task, latents, vision, memory, tmp_path
):
    episodes = sorted(read_latents(latents), key=len)
    world_model = stages.assemble(tiny_task, Parts(vision, memory, episodes), StartSettings(starts=4, start_steps=2))
    short, longest = episodes[: len(episodes) // 2], episodes[-1]
    assert len(short[-1]) < len(longest)
    result = stages.measure(world_model, [*short, longest], tmp_path)
    assert result["windows"] >= len(short) / 2
