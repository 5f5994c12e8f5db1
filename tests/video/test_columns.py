"""Columns of frames: in their places and in time."""

import numpy as np
import pytest

from dreamgym.errors import VideoError
from dreamgym.video.columns import GAP, LABEL_HEIGHT, STRIP_HEIGHT, reward_strip, side_by_side


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
