"""Averages a canvas down to a frame exactly as pygame-ce's ``smoothscale`` does.

Each frame pixel is the average of a rectangle of image pixels, first along x and then along y. Along each axis, the
rectangle's first and last lines count in part. Weights are in 1/16384, the reciprocal of the rectangle's side is in
1/65536, and each step rounds down. So the result for a single colour is 2 less per channel, and not less than 0.

A cell is the part of an axis that one frame pixel averages. A line is an image row or column, depending on the axis. A
cell's own lines start at its first line and end before the next cell's first line.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamgym.games.car_racing.canvas import CELLS, HEIGHT, LANES, SLOT, TILES, WIDTH, Canvas, Ints, open_tile
from dreamgym.games.car_racing.compile import compiled, inlined


class Axis(NamedTuple):
    """The weights of one axis."""

    first: Ints  # (98,): the first line of each cell, the axis's last line, and the number of lines
    lines: Ints  # (96,): the number of lines that a cell reads, minus one
    first_weight: Ints  # (96,): the weight of a cell's first line, in 1/16384
    last_weight: Ints  # (96,): the weight of the last line that a cell reads
    next_weight: Ints  # (96,): last_weight if that line is not the cell's own, else 0
    reciprocal: int  # 65536 divided by the width of a cell in lines
    averages: Ints  # (96, 256): a cell's average if all its lines have one value, by that value
    own_sums: Ints  # (96, 256): the weighted sum of a cell's own lines if all have one value, by that value
    own_weights: Ints  # (96, 16): the weights of a cell's own lines, then zeros


def make_axis(length: int) -> Axis:
    """The weights that average ``length`` lines to 96."""
    width = ((length << 16) // CELLS) >> 2
    ends = np.arange(CELLS + 1) * width
    first, last = ends[:-1] >> 14, ends[1:] >> 14
    first_weight, last_weight = 16384 - (ends[:-1] & 16383), ends[1:] & 16383
    # With a weight this small even white adds nothing, so the cell starts at the following line.
    negligible = first_weight * 255 < 16384
    first, first_weight = np.where(negligible, first + 1, first), np.where(negligible, 16384, first_weight)
    values = np.arange(256)
    total = values * (last - first - 1)[:, None]
    total += (values * first_weight[:, None] >> 14) + (values * last_weight[:, None] >> 14)
    reciprocal = (1 << 32) // ((length << 16) // CELLS)
    averages = total * reciprocal >> 16
    begins = np.append(first, [length - 1, length])
    line = first[:, None] + np.arange(LANES)
    weights = np.where(line == first[:, None], first_weight[:, None], 16384)
    weights = np.where(line == last[:, None], last_weight[:, None], np.where(line < last[:, None], weights, 0))
    weights = np.where(line < begins[1:-1, None], weights, 0)
    next_weight = np.where(last == begins[1:-1], last_weight, 0)
    sums = (values * weights[:, :, None] >> 14).sum(axis=1)
    parts = (begins, last - first, first_weight, last_weight, next_weight, averages, sums, weights)
    ints = [np.ascontiguousarray(part, np.int32) for part in parts]
    return Axis(ints[0], ints[1], ints[2], ints[3], ints[4], reciprocal, ints[5], ints[6], ints[7])


@compiled
def shrink(canvas: Canvas, rows: Axis, columns: Axis, frame: NDArray[np.uint8]) -> None:
    """Writes the averages of a canvas into a frame, uint8 ``(96, 96, 3)``.

    The canvas must have the tiles of ``rows`` and ``columns``. A tile is opened if its right neighbour differs.
    """
    tiles, pixels, slots = canvas.tiles, canvas.pixels, canvas.slots
    below, colors, averages = canvas.averages[0], canvas.averages[1], canvas.averages[2]
    colors[:] = -1
    for j in range(CELLS, -1, -1):
        row, next_weight = np.uint64(min(j, CELLS - 1)), rows.next_weight[min(j, CELLS - 1)]
        # In an area of one colour all pixels are equal, so the last one is used again.
        last_average, last_pixel = -1, 0
        for i in range(CELLS):
            tile, u = np.uint64(j * TILES + i), np.uint64(i)
            color, right, under = tiles[tile], tiles[tile + np.uint64(1)], below[u]
            if color >= 0 and (right == color or columns.next_weight[u] == 0):
                if color != colors[u]:
                    colors[u], averages[u] = color, _average_along_x(columns.averages, u, color)
                average = averages[u]
                if average == last_average and under == last_average:
                    pixel = last_pixel
                else:
                    r, g, b = _channels(average)
                    sums = rows.own_sums[row, r], rows.own_sums[row, g], rows.own_sums[row, b]
                    pixel = _frame_pixel(sums, under, next_weight, rows.reciprocal)
                    if average == under:
                        last_average, last_pixel = average, pixel
            else:
                if color >= 0:
                    open_tile(tiles, pixels, slots, tile)
                    color = tiles[tile]
                start = np.uint64((-1 - color) * SLOT)
                _append_column(pixels, start + np.uint64(columns.lines[u] * LANES), right, columns.next_weight[u])
                sums = _sum_rows(canvas, start, columns, u, rows.own_weights[row])
                average = canvas.row_averages[0]
                pixel = _frame_pixel(sums, under, next_weight, rows.reciprocal)
            below[u] = average
            if j < CELLS:
                v = np.uint64(j)
                frame[v, u, 0], frame[v, u, 1], frame[v, u, 2] = pixel >> 16, pixel >> 8, pixel


@compiled
def _channels(color: int) -> tuple[np.uint64, np.uint64, np.uint64]:
    return np.uint64(color >> 16), np.uint64((color >> 8) & 255), np.uint64(color & 255)


@inlined
def _average_along_x(averages: Ints, cell: np.uint64, color: int) -> int:
    """The packed average of a cell that has a single colour."""
    red, green, blue = _channels(color)
    return averages[cell, red] << 16 | averages[cell, green] << 8 | averages[cell, blue]


@compiled
def _frame_pixel(sums: tuple[Any, Any, Any], below: Any, next_weight: Any, reciprocal: int) -> int:
    """A packed frame pixel from the sums of its own rows and the average of the row below them."""
    red = sums[0] + _weighted(below >> 16, next_weight)
    green = sums[1] + _weighted(below >> 8, next_weight)
    blue = sums[2] + _weighted(below, next_weight)
    return (red * reciprocal >> 16) << 16 | (green * reciprocal >> 16) << 8 | blue * reciprocal >> 16


@inlined
def _append_column(pixels: Ints, offset: np.uint64, right: int, next_weight: int) -> None:
    """Copies the first column of the tile to the right behind the tile's own columns, if the cell reads it."""
    if next_weight == 0:
        return
    if right >= 0:
        for lane in range(LANES):
            pixels[offset + np.uint64(lane)] = right
    else:
        start = np.uint64((-1 - right) * SLOT)
        for lane in range(LANES):
            pixels[offset + np.uint64(lane)] = pixels[start + np.uint64(lane)]


@inlined
def _sum_rows(canvas: Canvas, start: np.uint64, columns: Axis, i: np.uint64, weights: Ints) -> tuple[Any, Any, Any]:
    """Writes the averages of an open tile's rows, and returns the rows' weighted sums: red, green and blue."""
    # The compiler vectorizes the loop over the rows only if their number is constant, the numbers have 32 bits and the
    # indices are unsigned.
    pixels, row_averages, end = canvas.pixels, canvas.row_averages, start + np.uint64(columns.lines[i] * LANES)
    near, far, scale = columns.first_weight[i], columns.last_weight[i], np.int32(columns.reciprocal)
    # A cell reads 11 or 12 columns: the first and the last in part, the 9 or 10 between in full.
    eleventh = np.int32(16384 if columns.lines[i] > 10 else 0)
    red, green, blue = np.int32(0), np.int32(0), np.int32(0)
    for lane in range(LANES):
        k = np.uint64(lane)
        a, b, c = pixels[start + k], pixels[start + np.uint64(10 * LANES) + k], pixels[end + k]
        # Red and blue are summed in one number: nine 8-bit values fit in 16 bits.
        both, middle = _sum_of_nine(pixels, start + k, 0xFF00FF), _sum_of_nine(pixels, start + k, 0x00FF00)
        reds = np.int32(both >> 16) + _weighted(a >> 16, near) + _weighted(b >> 16, eleventh) + _weighted(c >> 16, far)
        greens = np.int32(middle >> 8) + _weighted(a >> 8, near) + _weighted(b >> 8, eleventh) + _weighted(c >> 8, far)
        blues = np.int32(both & 0xFFFF) + _weighted(a, near) + _weighted(b, eleventh) + _weighted(c, far)
        reds, greens, blues = _scale(reds, scale), _scale(greens, scale), _scale(blues, scale)
        row_averages[k] = reds << 16 | greens << 8 | blues
        red = np.int32(red + _weighted(reds, weights[k]))
        green = np.int32(green + _weighted(greens, weights[k]))
        blue = np.int32(blue + _weighted(blues, weights[k]))
    return red, green, blue


@compiled
def _sum_of_nine(pixels: Ints, offset: np.uint64, mask: int) -> np.int32:
    total = np.int32(0)
    for column in range(1, 10):
        total = np.int32(total + (pixels[offset + np.uint64(column * LANES)] & mask))
    return total


@compiled
def _weighted(color: Any, weight: Any) -> np.int32:
    """The lowest 8 bits of a colour times a weight in 1/16384."""
    return np.int32(np.int32(np.int32(color & 255) * weight) >> 14)


@compiled
def _scale(total: Any, reciprocal: Any) -> np.int32:
    """A sum times a reciprocal in 1/65536."""
    return np.int32(np.int32(np.int32(total) * reciprocal) >> 16)


ROW_AXIS, COLUMN_AXIS = make_axis(HEIGHT), make_axis(WIDTH)
