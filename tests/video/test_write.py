"""Video files: written so that they can be read back."""

import numpy as np
import pytest

from dreamgym.errors import VideoError
from dreamgym.video.write import write_video
from tests.video.films import read


def fading(length, height, width):
    levels = np.linspace(0, 250, length).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (length, height, width, 3))


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_can_be_read_back(tmp_path, suffix):
    path = write_video(tmp_path / "new" / f"fade{suffix}", fading(30, 65, 71), fps=25)
    frames = read(path)
    assert len(frames) == 30
    expected = (65, 71) if suffix == ".gif" else (64, 70)
    assert frames.shape[1:3] == expected
    assert abs(frames.mean(axis=(1, 2, 3)) - np.linspace(0, 250, 30)).max() < 8
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "nothing is left beside it"


def test_pixels_that_stay_the_same_cost_next_to_nothing_in_a_gif(tmp_path):
    """Two corners flicker, so that no smaller rectangle holds what changes."""
    rng = np.random.default_rng(0)
    still = np.repeat(rng.integers(0, 256, (1, 64, 64, 3)).astype(np.uint8), 40, axis=0)
    flickering = still.copy()
    flickering[:, 0, 0] = flickering[:, -1, -1] = rng.integers(0, 256, (40, 3))
    one = write_video(tmp_path / "one.gif", still[:1]).stat().st_size
    assert write_video(tmp_path / "still.gif", still).stat().st_size < 3 * one
    path = write_video(tmp_path / "flickering.gif", flickering)
    assert path.stat().st_size < 4 * one, "each frame was stored whole"
    assert len(read(path)) == 40
    inner = read(path)[:, 1:-1, 1:-1].astype(int)
    assert (inner == inner[0]).all()


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
