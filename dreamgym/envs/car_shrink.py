"""Shrinks a canvas to the frame exactly as pygame-ce's `smoothscale` does.

Each pixel of the frame averages the rectangle of source pixels under it, first along x and then along y. The
scaler adds whole source pixels and, at both ends, a part of one; it keeps positions in 1/16384ths of a pixel and
the reciprocal of the rectangle's side in 1/65536ths, and cuts off the rest at each step, so that a plain colour
comes out two darker than it went in.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamgym.envs.car_compile import compiled
from dreamgym.envs.car_raster import HEIGHT, LANES, OPEN, WIDTH, Canvas, Ints

SIZE = 96


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
    width = ((length << 16) // SIZE) >> 2
    ends = np.arange(SIZE + 1) * width
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
    reciprocal = (1 << 32) // ((length << 16) // SIZE)
    plain = total * reciprocal >> 16
    line = first[:, None] + np.arange(LANES)
    shares = np.where(line == first[:, None], first_weight[:, None], 16384)
    shares = np.where(line == last[:, None], last_weight[:, None], np.where(line < last[:, None], shares, 0))
    parts = [part.astype(np.int32) for part in (first, last, first_weight, last_weight, plain, shares)]
    return Axis(parts[0], parts[1], parts[2], parts[3], reciprocal, parts[4], parts[5])


def tile_starts(lines: Axis, length: int) -> Ints:
    """Where tiles have to begin so that cell i reads only lines of the tiles i and i + 1: int32 `[98]`."""
    return np.concatenate([lines.first, [lines.last[-1], length]]).astype(np.int32)


@compiled
def shrink(canvas: Canvas, rows: Axis, columns: Axis, frame: NDArray[np.uint8]) -> None:
    """Writes the canvas into a frame.

    Args:
        canvas: The picture, cut into the tiles that belong to `rows` and `columns`.
        rows: The averaging along y.
        columns: The averaging along x.
        frame: uint8 `[96, 96, 3]`, overwritten.
    """
    tiles = canvas.tiles
    sums = np.empty((2, LANES), np.int32)
    for j in range(SIZE):
        for i in range(SIZE):
            color = tiles[j, i]
            same = tiles[j, i + 1] == color and tiles[j + 1, i] == color and tiles[j + 1, i + 1] == color
            if color == OPEN or not (same or _reads_one_color(canvas, rows, columns, j, i)):
                _show_pixels(canvas, rows, columns, j, i)
                _average(canvas.pixels, rows, columns, j, i, sums, frame)
                continue
            frame[j, i, 0] = rows.plain[j, columns.plain[i, color >> 16]]
            frame[j, i, 1] = rows.plain[j, columns.plain[i, (color >> 8) & 255]]
            frame[j, i, 2] = rows.plain[j, columns.plain[i, color & 255]]


@compiled
def _reads_one_color(canvas: Canvas, rows: Axis, columns: Axis, j: int, i: int) -> bool:
    """Whether a cell over a plain tile reads nothing else from its neighbours' first column and row."""
    pixels, tiles, color = canvas.pixels, canvas.tiles, canvas.tiles[j, i]
    right, below = canvas.column_starts[i + 1], canvas.row_starts[j + 1]
    same = True
    if columns.last[i] == right:
        same = tiles[j, i + 1] == color or tiles[j, i + 1] == OPEN
        if tiles[j, i + 1] == OPEN:
            for row in range(rows.first[j], below):
                same &= pixels[right, row] == color
    if same and rows.last[j] == below:
        same = tiles[j + 1, i] == color or tiles[j + 1, i] == OPEN
        if tiles[j + 1, i] == OPEN:
            for x in range(columns.first[i], right):
                same &= pixels[x, below] == color
        corner = tiles[j + 1, i + 1] if tiles[j + 1, i + 1] != OPEN else pixels[right, below]
        same &= columns.last[i] < right or corner == color
    return same


@compiled
def _show_pixels(canvas: Canvas, rows: Axis, columns: Axis, j: int, i: int) -> None:
    """Writes those pixels of plain tiles that a cell reads; the tiles stay plain."""
    pixels, tiles = canvas.pixels, canvas.tiles
    left, right, top, below = (
        columns.first[i],
        canvas.column_starts[i + 1],
        rows.first[j],
        canvas.row_starts[j + 1],
    )
    for x in range(left, columns.last[i] + 1):
        color, under = tiles[j, i], tiles[j + 1, i]
        if x == right:
            color, under = tiles[j, i + 1], tiles[j + 1, i + 1]
        if color != OPEN:
            for row in range(top, below):
                pixels[x, row] = color
        if under != OPEN and rows.last[j] == below:
            pixels[x, below] = under


@compiled
def _average(
    pixels: Ints, rows: Axis, columns: Axis, j: int, i: int, sums: Ints, frame: NDArray[np.uint8]
) -> None:
    """One pixel of the frame from the picture's pixels: all rows of the cell side by side, column after column."""
    first, last, top = columns.first[i], columns.last[i], rows.first[j]
    red_blue, greens = sums[0], sums[1]
    red_blue[:] = 0
    greens[:] = 0
    for x in range(first + 1, last):
        for k in range(LANES):
            # Red and blue share a number: a dozen eight-bit values leave the gap between them unfilled.
            red_blue[k] += pixels[x, top + k] & 0xFF00FF
            greens[k] += pixels[x, top + k] & 0x00FF00
    near, far, scale = columns.first_weight[i], columns.last_weight[i], columns.reciprocal
    red, green, blue = np.int32(0), np.int32(0), np.int32(0)
    for k in range(LANES):
        left, right, share = pixels[first, top + k], pixels[last, top + k], rows.shares[j, k]
        red += _scale((red_blue[k] >> 16) + _ends(left >> 16, near, right >> 16, far), scale, share)
        green += _scale((greens[k] >> 8) + _ends(left >> 8, near, right >> 8, far), scale, share)
        blue += _scale((red_blue[k] & 0xFFFF) + _ends(left, near, right, far), scale, share)
    frame[j, i, 0] = (red * rows.reciprocal) >> 16
    frame[j, i, 1] = (green * rows.reciprocal) >> 16
    frame[j, i, 2] = (blue * rows.reciprocal) >> 16


@compiled
def _ends(left: int, near: int, right: int, far: int) -> np.int32:
    """What the first and last pixel of a row add, the colour being in their lowest eight bits."""
    return np.int32(np.int32((left & 255) * near) >> 14) + np.int32(np.int32((right & 255) * far) >> 14)


@compiled
def _scale(total: int, reciprocal: int, share: int) -> np.int32:
    """A row's average, times the row's own share."""
    # Staying in 32 bits lets the compiler handle all rows of a cell in one instruction.
    average = np.int32(np.int32(np.int32(total) * np.int32(reciprocal)) >> 16)
    return np.int32(np.int32(average * share) >> 14)


def new_shrinker() -> tuple[Axis, Axis]:
    """The averaging of the picture's rows and of its columns."""
    return axis(HEIGHT), axis(WIDTH)
