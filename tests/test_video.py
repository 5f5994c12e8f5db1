"""Videos: written so that they can be read back, columns in their places and in time."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from dreamgym.columns import GAP, LABEL_HEIGHT, STRIP_HEIGHT, reward_strip, side_by_side
from dreamgym.errors import PolicyError, VideoError
from dreamgym.policies import ConstantPolicy, LinearController
from dreamgym.video import play, reconstruct, record, record_comparison, write_video
from tests.tiny_game import TINY_TASK


def fading(length, height, width):
    levels = np.linspace(0, 250, length).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (length, height, width, 3))


def read(path):
    if path.suffix == ".gif":
        with Image.open(path) as film:
            return np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)])
    film, frames = cv2.VideoCapture(str(path)), []
    while (picture := film.read()[1]) is not None:
        frames.append(picture[..., ::-1])
    film.release()
    return np.stack(frames)


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_can_be_read_back(tmp_path, suffix):
    path = write_video(tmp_path / "new" / f"fade{suffix}", fading(30, 65, 71), fps=25)
    frames = read(path)
    assert len(frames) == 30
    expected = (65, 71) if suffix == ".gif" else (64, 70)
    assert frames.shape[1:3] == expected
    assert abs(frames.mean(axis=(1, 2, 3)) - np.linspace(0, 250, 30)).max() < 8
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "nothing is left beside it"


def test_still_pixels_cost_next_to_nothing_in_a_gif(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.uint8)
    one = write_video(tmp_path / "one.gif", noise).stat().st_size
    many = (
        write_video(
            tmp_path / "many.gif",
            np.repeat(noise, 40, axis=0) + (np.arange(40) % 2)[:, None, None, None].astype(np.uint8),
        )
        .stat()
        .st_size
    )
    assert many < 40 * one


def test_a_name_with_another_suffix_is_refused(tmp_path):
    with pytest.raises(VideoError, match=r"\.mp4 or \.gif"):
        write_video(tmp_path / "film.avi", fading(3, 8, 8))


@pytest.mark.parametrize(
    "frames", [np.zeros((0, 8, 8, 3), np.uint8), np.zeros((3, 8, 8), np.uint8), np.zeros((3, 8, 8, 3))]
)
def test_frames_of_another_kind_are_refused(tmp_path, frames):
    with pytest.raises(VideoError, match="expected uint8"):
        write_video(tmp_path / "film.mp4", frames)
    assert not list(tmp_path.iterdir())


def test_columns_stand_side_by_side_in_time():
    red, blue = np.zeros((5, 8, 8, 3), np.uint8), np.zeros((3, 8, 8, 3), np.uint8)
    red[..., 0] = np.arange(5)[:, None, None] * 10 + 100
    blue[..., 2] = np.arange(3)[:, None, None] * 10 + 100
    film = side_by_side({"real": red, "dream": blue}, {"real": np.ones(4)}, scale=20)
    assert film.shape == (5, LABEL_HEIGHT + 160 + STRIP_HEIGHT, 320 + GAP, 3)
    np.testing.assert_array_equal(film[:, LABEL_HEIGHT + 80, 80, 0], [100, 110, 120, 130, 140])
    np.testing.assert_array_equal(film[:, LABEL_HEIGHT + 80, 248, 2], [100, 110, 120, 120, 120])
    assert (film[0, :LABEL_HEIGHT, :160] != film[0, :LABEL_HEIGHT, 160 + GAP :]).any(), "each column has its label"


def test_no_column_is_refused():
    with pytest.raises(VideoError, match="at least one column"):
        side_by_side({})


def test_the_strip_grows_with_time_and_marks_where_the_dream_begins():
    strip = reward_strip({"real": np.ones(40), "dream": -np.ones(40)}, 41, 300, mark=20)
    drawn = (strip[:, :, 111:] != 24).any(axis=(1, 3))
    reach = [int(np.nonzero(row)[0].max()) for row in drawn[1:]]
    assert reach[0] < 10
    assert reach[-1] > 170
    assert reach == sorted(reach)
    mark = 110 + round(20 * 182 / 40)
    assert (strip[20:, 10, mark] == 90).all()
    assert (strip[:20, 10, mark] == 24).all()


def film_size(path):
    film = cv2.VideoCapture(str(path))
    size = tuple(int(film.get(each)) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    film.release()
    return size


@pytest.mark.parametrize(("env", "columns"), [("latent", 2), ("compare", 3)])
def test_what_v_and_m_see_is_recorded_in_columns(tiny_world_model, tmp_path, env, columns):
    path = record("constant:1", tmp_path / "film.mp4", env=env, world_model=tiny_world_model, steps=12)
    assert len(read(path)) == 13
    width = columns * 256 + (columns - 1) * GAP
    assert film_size(path) == (width, LABEL_HEIGHT + 256 + STRIP_HEIGHT)


def test_the_real_game_and_the_dream_are_recorded_as_they_look(tiny_world_model, tmp_path):
    real = record("constant:2", tmp_path / "real.mp4", env="real", task=TINY_TASK, steps=50)
    assert film_size(real)[0] == 36
    assert len(read(real)) in (4, 5, 6), "it ends where the game ends"
    folder = tiny_world_model.save(tmp_path / "world_model")
    dream = record("random", tmp_path / "dream.gif", env="dream", world_model=folder, steps=5)
    assert 2 <= len(read(dream)) <= 6


def test_the_comparison_shows_the_same_moment_in_every_column(tiny_world_model):
    episode = play(TINY_TASK, tiny_world_model.codec, ConstantPolicy(tiny_world_model.codec, 1), None, 0, 7)
    assert (len(episode.frames), len(episode.codes), len(episode.rewards)) == (8, 7, 7)
    game = TINY_TASK.make_env("stock")
    frames = [TINY_TASK.frame(game.reset(seed=0)[0])]
    frames += [TINY_TASK.frame(game.step(1)[0]) for _ in range(7)]
    game.close()
    np.testing.assert_array_equal(episode.frames, frames)
    np.testing.assert_array_equal(
        reconstruct(tiny_world_model, episode.frames)[5],
        tiny_world_model.decode(tiny_world_model.encode(episode.frames[5])[0]),
    )


def test_a_policy_that_looks_is_recorded(tiny_world_model, tmp_path):
    size = 3 * (tiny_world_model.latent_size + tiny_world_model.hidden_size + 1)
    controller = LinearController(np.ones(size, np.float32), "tiny_game", tiny_world_model.codec)
    path = record_comparison(tiny_world_model, controller, 0, 6, tmp_path / "film.gif", warm_up=2)
    assert read(path).shape[-2] == 3 * 256 + 2 * GAP
    with pytest.raises(PolicyError, match="looks at latents"):
        record(controller, tmp_path / "film.gif", env="real", task=TINY_TASK)


def test_what_cannot_be_recorded_is_refused_before_it_is_played(tiny_world_model, tmp_path):
    with pytest.raises(VideoError, match=r"\.mp4 or \.gif"):
        record("no such policy", tmp_path / "film.mov", world_model=tiny_world_model)
    with pytest.raises(PolicyError, match="needs a world model"):
        record("random", tmp_path / "film.mp4", env="dream", task=TINY_TASK)
    with pytest.raises(VideoError, match="'compare'"):
        record("random", tmp_path / "film.mp4", env="both", world_model=tiny_world_model)
    assert not list(tmp_path.iterdir())
