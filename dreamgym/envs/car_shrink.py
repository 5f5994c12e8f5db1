"""Shrinks a canvas to the frame exactly as pygame-ce's `smoothscale` does.

Each pixel of the frame averages the rectangle of source pixels under it, first along x and then along y. The
scaler adds whole source pixels and, at both ends, a part of one; it keeps positions in 1/16384ths of a pixel and
the reciprocal of the rectangle's side in 1/65536ths, and cuts off the rest at each step, so that a plain colour
comes out two darker than it went in.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamgym.envs.car_canvas import COLUMNS, HEIGHT, LANES, TILES, WIDTH, Canvas, Ints
from dreamgym.envs.car_compile import compiled, inlined


class Axis(NamedTuple):
    """How one axis of the frame averages the picture's lines.

    Attributes:
        first: int32 `[96]`, the first line that each cell reads.
        last: int32 `[96]`, the last one.
        first_weight: int32 `[96]`, the share of the first line, in 1/16384ths.
        last_weight: int32 `[96]`, the share of the last one.
        reciprocal: One over a cell's width, in 1/65536ths.
        plain: int32 `[96, 256]`, what a cell makes of a plain value.
        shares: int32 `[96, 16]`, the shares of all lines of a cell, then zeros.
    """

    first: Ints
    last: Ints
    first_weight: Ints
    last_weight: Ints
    reciprocal: int
    plain: Ints
    shares: Ints


def axis(length: int) -> Axis:
    """The averaging of `length` lines into 96 cells."""
    width = ((length << 16) // TILES) >> 2
    ends = np.arange(TILES + 1) * width
    first, last = ends[:-1] >> 14, ends[1:] >> 14
    first_weight, last_weight = 16384 - (ends[:-1] & 16383), ends[1:] & 16383
    # A share so small that even white contributes nothing: leave that line to the neighbour.
    unseen = first_weight * 255 < 16384
    first, first_weight = np.where(unseen, first + 1, first), np.where(unseen, 16384, first_weight)
    values = np.arange(256)
    total = (
        values * (last - first - 1)[:, None]
        + (values * first_weight[:, None] >> 14)
        + (values * last_weight[:, None] >> 14)
    )
    reciprocal = (1 << 32) // ((length << 16) // TILES)
    plain = total * reciprocal >> 16
    line = first[:, None] + np.arange(LANES)
    shares = np.where(line == first[:, None], first_weight[:, None], 16384)
    shares = np.where(line == last[:, None], last_weight[:, None], np.where(line < last[:, None], shares, 0))
    parts = [part.astype(np.int32) for part in (first, last, first_weight, last_weight, plain, shares)]
    return Axis(parts[0], parts[1], parts[2], parts[3], reciprocal, parts[4], parts[5])


@compiled
def shrink(canvas: Canvas, rows: Axis, columns: Axis, frame: NDArray[np.uint8]) -> None:
    """Writes the canvas into a frame.

    Args:
        canvas: The picture, cut into the tiles that belong to `rows` and `columns`.
        rows: The averaging along y.
        columns: The averaging along x.
        frame: uint8 `[96, 96, 3]`, overwritten.
    """
    tiles, slots = canvas.tiles.reshape(TILES, TILES), canvas.slots.reshape(-1, COLUMNS, LANES)
    for j in range(TILES):
        for i in range(TILES):
            color = tiles[j, i]
            if color < 0:
                _average(slots, -1 - color, rows, columns, j, i, frame)
            else:
                frame[j, i, 0] = rows.plain[j, columns.plain[i, color >> 16]]
                frame[j, i, 1] = rows.plain[j, columns.plain[i, (color >> 8) & 255]]
                frame[j, i, 2] = rows.plain[j, columns.plain[i, color & 255]]


@inlined
def _average(slots: Ints, slot: int, rows: Axis, columns: Axis, j: int, i: int, frame: NDArray[np.uint8]) -> None:
    """One pixel of the frame from an open tile's pixels."""
    # All rows of the tile at once: the compiler makes one instruction of them where their count is constant, the
    # numbers have 32 bits, and the indices cannot be negative, which would mean counting from the end.
    s, end = np.uint64(slot), np.uint64(columns.last[i] - columns.first[i])
    near, far, scale = columns.first_weight[i], columns.last_weight[i], np.int32(columns.reciprocal)
    # Nine columns are always read in full, a tenth sometimes.
    tenth = np.int32(16384 if columns.last[i] > columns.first[i] + 10 else 0)
    red, green, blue = np.int32(0), np.int32(0), np.int32(0)
    for lane in range(LANES):
        k = np.uint64(lane)
        share, a, b, c = rows.shares[np.uint64(j), k], slots[s, 0, k], slots[s, 10, k], slots[s, end, k]
        # Red and blue share a number: nine eight-bit values leave the gap between them unfilled.
        both, middle = _sum_of_nine(slots, s, k, 0xFF00FF), _sum_of_nine(slots, s, k, 0x00FF00)
        reds = np.int32(both >> 16) + _part(a >> 16, near) + _part(b >> 16, tenth) + _part(c >> 16, far)
        greens = np.int32(middle >> 8) + _part(a >> 8, near) + _part(b >> 8, tenth) + _part(c >> 8, far)
        blues = np.int32(both & 0xFFFF) + _part(a, near) + _part(b, tenth) + _part(c, far)
        red = np.int32(red + _scale(reds, scale, share))
        green = np.int32(green + _scale(greens, scale, share))
        blue = np.int32(blue + _scale(blues, scale, share))
    frame[j, i, 0] = (red * rows.reciprocal) >> 16
    frame[j, i, 1] = (green * rows.reciprocal) >> 16
    frame[j, i, 2] = (blue * rows.reciprocal) >> 16


@compiled
def _sum_of_nine(slots: Ints, s: np.uint64, k: np.uint64, mask: int) -> np.int32:
    first = (slots[s, 1, k] & mask) + (slots[s, 2, k] & mask) + (slots[s, 3, k] & mask)
    second = (slots[s, 4, k] & mask) + (slots[s, 5, k] & mask) + (slots[s, 6, k] & mask)
    third = (slots[s, 7, k] & mask) + (slots[s, 8, k] & mask) + (slots[s, 9, k] & mask)
    return np.int32(first + second + third)


@compiled
def _part(color: int, weight: Any) -> np.int32:
    """A share of a colour that stands in the lowest eight bits."""
    return np.int32(np.int32(np.int32(color & 255) * weight) >> 14)


@compiled
def _scale(total: Any, reciprocal: Any, share: Any) -> np.int32:
    """A row's average, times the row's own share."""
    average = np.int32(np.int32(np.int32(total) * reciprocal) >> 16)
    return np.int32(np.int32(average * share) >> 14)


ROW_AXIS, COLUMN_AXIS = axis(HEIGHT), axis(WIDTH)
