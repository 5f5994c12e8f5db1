"""Shrinks a canvas to the frame exactly as pygame-ce's `smoothscale` does.

Each pixel of the frame averages the rectangle of source pixels under it, first along x and then along y. The
scaler adds whole source pixels and, at both ends, a part of one; it keeps positions in 1/16384ths of a pixel and
the reciprocal of the rectangle's side in 1/65536ths, and cuts off the rest at each step, so that a plain colour
comes out two darker than it went in.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamgym.envs.car_canvas import CELLS, HEIGHT, LANES, SLOT, TILES, WIDTH, Canvas, Ints, open_tile
from dreamgym.envs.car_compile import compiled, inlined


class Axis(NamedTuple):
    """How one axis of the frame averages the picture's lines.

    Attributes:
        first: int32 `[98]`, the first line that each cell reads, the last line, and their number.
        lines: int32 `[96]`, how many lines a cell reads beside the first one.
        first_weight: int32 `[96]`, the share of the first line, in 1/16384ths.
        last_weight: int32 `[96]`, the share of the last one.
        beyond: int32 `[96]`, the same if the last one is the next cell's first, else zero.
        reciprocal: One over a cell's width, in 1/65536ths.
        plain: int32 `[96, 256]`, what a cell makes of a plain value.
        own: int32 `[96, 256]`, the sum of a plain value's shares in the lines that no other cell begins with.
        shares: int32 `[96, 16]`, the shares of the lines that no other cell begins with, then zeros.
    """

    first: Ints
    lines: Ints
    first_weight: Ints
    last_weight: Ints
    beyond: Ints
    reciprocal: int
    plain: Ints
    own: Ints
    shares: Ints


def axis(length: int) -> Axis:
    """The averaging of `length` lines into 96 cells."""
    width = ((length << 16) // CELLS) >> 2
    ends = np.arange(CELLS + 1) * width
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
    reciprocal = (1 << 32) // ((length << 16) // CELLS)
    plain = total * reciprocal >> 16
    begins = np.append(first, [length - 1, length])
    line = first[:, None] + np.arange(LANES)
    shares = np.where(line == first[:, None], first_weight[:, None], 16384)
    shares = np.where(line == last[:, None], last_weight[:, None], np.where(line < last[:, None], shares, 0))
    shares = np.where(line < begins[1:-1, None], shares, 0)
    beyond = np.where(last == begins[1:-1], last_weight, 0)
    own = (values * shares[:, :, None] >> 14).sum(axis=1)
    parts = (begins, last - first, first_weight, last_weight, beyond, plain, own, shares)
    ints = [np.ascontiguousarray(part, np.int32) for part in parts]
    return Axis(ints[0], ints[1], ints[2], ints[3], ints[4], reciprocal, ints[5], ints[6], ints[7])


@compiled
def shrink(canvas: Canvas, rows: Axis, columns: Axis, frame: NDArray[np.uint8]) -> None:
    """Writes the canvas into a frame.

    Args:
        canvas: The picture, cut into the tiles that belong to `rows` and `columns`; more of them are open afterwards.
        rows: The averaging along y.
        columns: The averaging along x.
        frame: uint8 `[96, 96, 3]`, overwritten.
    """
    tiles, slots, homes = canvas.tiles, canvas.slots, canvas.homes
    below, colors, plains, lanes = canvas.averages[0], canvas.averages[1], canvas.averages[2], canvas.lanes
    colors[:] = -1
    for j in range(CELLS, -1, -1):
        row, beyond = np.uint64(min(j, CELLS - 1)), rows.beyond[min(j, CELLS - 1)]
        seen, kept = -1, 0
        for i in range(CELLS):
            tile, u = np.uint64(j * TILES + i), np.uint64(i)
            color, right, under = tiles[tile], tiles[tile + np.uint64(1)], below[u]
            if color >= 0 and (right == color or columns.beyond[u] == 0):
                if color != colors[u]:
                    colors[u], plains[u] = color, _look_up(columns.plain, u, color)
                average = plains[u]
                if average == seen and under == seen:
                    pixel = kept
                else:
                    r, g, b = _parts(average)
                    own = rows.own[row, r], rows.own[row, g], rows.own[row, b]
                    pixel = _pixel(own[0], own[1], own[2], under, beyond, rows.reciprocal)
                    if average == under:
                        seen, kept = average, pixel
            else:
                if color >= 0:
                    open_tile(tiles, slots, homes, tile)
                    color = tiles[tile]
                start = np.uint64((-1 - color) * SLOT)
                _append(slots, start + np.uint64(columns.lines[u] * LANES), right, columns.beyond[u])
                red, green, blue = _sum_rows(slots, start, columns, u, rows.shares[row], lanes)
                average, pixel = lanes[0], _pixel(red, green, blue, under, beyond, rows.reciprocal)
            below[u] = average
            if j < CELLS:
                v = np.uint64(j)
                frame[v, u, 0], frame[v, u, 1], frame[v, u, 2] = pixel >> 16, pixel >> 8, pixel


@compiled
def _parts(color: int) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Red, green and blue."""
    return np.uint64(color >> 16), np.uint64((color >> 8) & 255), np.uint64(color & 255)


@inlined
def _look_up(plain: Ints, cell: np.uint64, color: int) -> int:
    """What a cell makes of a plain colour."""
    red, green, blue = _parts(color)
    return plain[cell, red] << 16 | plain[cell, green] << 8 | plain[cell, blue]


@compiled
def _pixel(red: Any, green: Any, blue: Any, below: Any, beyond: Any, reciprocal: int) -> int:
    """A pixel of the frame from the sums of its own rows and the average of the row below them."""
    red, green, blue = red + _part(below >> 16, beyond), green + _part(below >> 8, beyond), blue + _part(below, beyond)
    return (red * reciprocal >> 16) << 16 | (green * reciprocal >> 16) << 8 | blue * reciprocal >> 16


@inlined
def _append(slots: Ints, place: np.uint64, right: int, beyond: int) -> None:
    """Puts the next tile's first column, which is all of it that is read, behind a tile's own."""
    if beyond == 0:
        return
    if right >= 0:
        for lane in range(LANES):
            slots[place + np.uint64(lane)] = right
    else:
        start = np.uint64((-1 - right) * SLOT)
        for lane in range(LANES):
            slots[place + np.uint64(lane)] = slots[start + np.uint64(lane)]


@inlined
def _sum_rows(
    slots: Ints, start: np.uint64, columns: Axis, i: np.uint64, shares: Ints, lanes: Ints
) -> tuple[Any, Any, Any]:
    """The shares of an open tile's rows, summed: red, green and blue; `lanes` gets the rows' averages."""
    # All rows of the tile at once: the compiler makes one instruction of them where their count is constant, the
    # numbers have 32 bits, and the indices cannot be negative, which would mean counting from the end.
    end = start + np.uint64(columns.lines[i] * LANES)
    near, far, scale = columns.first_weight[i], columns.last_weight[i], np.int32(columns.reciprocal)
    # Nine columns are always read in full, a tenth sometimes.
    tenth = np.int32(16384 if columns.lines[i] > 10 else 0)
    red, green, blue = np.int32(0), np.int32(0), np.int32(0)
    for lane in range(LANES):
        k = np.uint64(lane)
        a, b, c = slots[start + k], slots[start + np.uint64(10 * LANES) + k], slots[end + k]
        # Red and blue share a number: nine eight-bit values leave the gap between them unfilled.
        both, middle = _sum_of_nine(slots, start + k, 0xFF00FF), _sum_of_nine(slots, start + k, 0x00FF00)
        reds = np.int32(both >> 16) + _part(a >> 16, near) + _part(b >> 16, tenth) + _part(c >> 16, far)
        greens = np.int32(middle >> 8) + _part(a >> 8, near) + _part(b >> 8, tenth) + _part(c >> 8, far)
        blues = np.int32(both & 0xFFFF) + _part(a, near) + _part(b, tenth) + _part(c, far)
        reds, greens, blues = _scale(reds, scale), _scale(greens, scale), _scale(blues, scale)
        lanes[k] = reds << 16 | greens << 8 | blues
        red = np.int32(red + _part(reds, shares[k]))
        green = np.int32(green + _part(greens, shares[k]))
        blue = np.int32(blue + _part(blues, shares[k]))
    return red, green, blue


@compiled
def _sum_of_nine(slots: Ints, place: np.uint64, mask: int) -> np.int32:
    total = np.int32(0)
    for column in range(1, 10):
        total = np.int32(total + (slots[place + np.uint64(column * LANES)] & mask))
    return total


@compiled
def _part(color: Any, weight: Any) -> np.int32:
    """A share of a colour that stands in the lowest eight bits."""
    return np.int32(np.int32(np.int32(color & 255) * weight) >> 14)


@compiled
def _scale(total: Any, reciprocal: Any) -> np.int32:
    """A row's average."""
    return np.int32(np.int32(np.int32(total) * reciprocal) >> 16)


ROW_AXIS, COLUMN_AXIS = axis(HEIGHT), axis(WIDTH)
