"""Films: of the right thing, and of the very drive that a score counts."""

import numpy as np
import pytest

from dreamgym.errors import PolicyError, SettingsError, VideoError
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.seeding import evaluation_seeds
from dreamgym.video import record as record_module
from dreamgym.video.columns import GAP, LABEL_HEIGHT, STRIP_HEIGHT
from dreamgym.video.record import VideoSettings, comparison, reconstruct, record
from tests.tiny_game import TINY_TASK
from tests.video.films import film_size, read


@pytest.mark.parametrize(("view", "columns"), [("latent", 2), ("compare", 3)])
def test_frames_and_what_v_and_m_make_of_them_are_filmed_in_columns(tiny_folder, tmp_path, view, columns):
    settings = VideoSettings(view, steps=12)
    path = record("constant:1", tmp_path / "film.mp4", EnvSettings(world_model=tiny_folder), settings)
    assert len(read(path)) == 13
    width = columns * 256 + (columns - 1) * GAP
    assert film_size(path) == (width, LABEL_HEIGHT + 256 + STRIP_HEIGHT)


def test_the_real_game_and_the_dream_are_filmed_as_they_render(tiny_folder, tmp_path):
    real = record("constant:2", tmp_path / "real.mp4", EnvSettings(task="tiny_game"), VideoSettings("real", steps=50))
    assert film_size(real)[0] == 36
    assert len(read(real)) in (4, 5, 6), "it ends where the game ends"
    there = EnvSettings(world_model=tiny_folder)
    dream = record("random", tmp_path / "dream.gif", there, VideoSettings("dream", steps=5))
    assert 2 <= len(read(dream)) <= 6


@pytest.fixture
def filmed(monkeypatch):
    """What the films of a test were made of."""
    played = []

    def play(*arguments):
        played.append(original(*arguments))
        return played[-1]

    original = record_module._play
    monkeypatch.setattr(record_module, "_play", play)
    return played


@pytest.mark.parametrize("view", ["real", "latent", "compare", "dream"])
def test_a_film_shows_the_drive_that_is_scored(tiny_world_model, tiny_folder, tmp_path, filmed, view):
    zeros = LinearController.zeros(tiny_world_model)
    parameters = np.random.default_rng(1).standard_normal(zeros.parameters.size)
    controller = LinearController(parameters, zeros.task, zeros.codec)
    env = EnvSettings("dream" if view == "dream" else "real", world_model=tiny_folder)
    scored = evaluate(controller, env, seeds=evaluation_seeds(0, 6), workers=0)
    for seed, score, length in zip(scored.seeds, scored.returns, scored.lengths, strict=True):
        record(controller, tmp_path / "film.gif", env, VideoSettings(view, steps=1000, scale=1), seed=seed)
        assert (filmed[-1].score, filmed[-1].length) == (score, length)
    assert len(set(scored.returns)) > 1


def test_a_film_of_the_car_shows_the_drive_that_is_scored(tmp_path, filmed):
    """V and M of full size, whose sums round: equal to the last bit all the same."""
    env = EnvSettings(world_model="car-racing", max_steps=60, renderer="fast")
    scored = evaluate("car-racing", env, seeds=(5, 6, 7, 8), workers=0)
    record("car-racing", tmp_path / "film.gif", env, VideoSettings("compare", steps=60, scale=1), seed=7)
    assert filmed[-1].score == scored.returns[2]


def test_the_comparison_shows_the_same_moment_in_every_column(tiny_world_model, tiny_folder, tmp_path, filmed):
    there = EnvSettings(world_model=tiny_folder)
    record("constant:1", tmp_path / "film.gif", there, VideoSettings("latent", steps=7))
    episode = filmed[-1].episode
    assert (len(episode.frames), len(episode.actions), len(episode.rewards)) == (8, 7, 7)
    game = TINY_TASK.make_env("stock")
    frames = [TINY_TASK.frame(game.reset(seed=0)[0])]
    frames += [TINY_TASK.frame(game.step(1)[0]) for _ in range(7)]
    game.close()
    np.testing.assert_array_equal(episode.frames, frames)
    np.testing.assert_array_equal(
        reconstruct(tiny_world_model, episode.frames)[5],
        tiny_world_model.decode(tiny_world_model.encode(episode.frames[5])[0]),
    )
    film = comparison(tiny_world_model, episode, scale=1, warm_up=2)
    assert film.shape == (8, LABEL_HEIGHT + 64 + STRIP_HEIGHT, 3 * 64 + 2 * GAP, 3)
    np.testing.assert_array_equal(film[5, LABEL_HEIGHT : LABEL_HEIGHT + 64, :64], episode.frames[5])


def test_a_policy_that_observes_is_filmed_with_a_world_model(tiny_world_model, tiny_folder, tmp_path):
    controller = LinearController.zeros(tiny_world_model)
    path = record(controller, tmp_path / "film.gif", EnvSettings(world_model=tiny_folder), VideoSettings(steps=6))
    assert read(path).shape[-2] == 3 * 256 + 2 * GAP
    with pytest.raises(PolicyError, match="name the world model"):
        record(controller, tmp_path / "film.gif", EnvSettings(task="tiny_game"), VideoSettings("real"))


def test_what_cannot_be_filmed_is_refused_before_it_is_played(tiny_folder, tmp_path):
    there = EnvSettings(world_model=tiny_folder)
    with pytest.raises(VideoError, match=r"\.mp4 or \.gif"):
        record("no such policy", tmp_path / "film.mov", there)
    with pytest.raises(PolicyError, match="needs a world model"):
        record("random", tmp_path / "film.mp4", EnvSettings(task="tiny_game"), VideoSettings("dream"))
    with pytest.raises(SettingsError, match="'compare'"):
        VideoSettings("both")
    assert not list(tmp_path.iterdir())
