"""Videos: written so that they can be read back, columns in their places and in time."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from dreamgym.errors import VideoError
from dreamgym.video import GAP, LABEL_HEIGHT, STRIP_HEIGHT, reward_strip, side_by_side, write_video


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
