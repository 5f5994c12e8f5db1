"""Draws the anti-aliased edges of polygons as pygame-ce does, where the filling will not cover them."""

import numpy as np

from dreamgym.envs.car_canvas import HEIGHT, LANES, SLOT, TILES, WIDTH, Canvas, Ints, open_tile
from dreamgym.envs.car_compile import compiled, inlined


@compiled
def outline(canvas: Canvas, corners: Ints, color: int, first: int, last: int) -> None:
    """Draws the edges: each begins with a solid point and ends without one; level and plumb ones are all solid.

    Args:
        canvas: Painted on; the polygon's pixels in each row are in its `left` and `right`.
        corners: int32 `[n, 2]`, y up.
        color: Packed.
        first: The first row to paint in.
        last: The last one.
    """
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        seen, x1, y1, x2, y2 = _clip(corners[i, 0], corners[i, 1], corners[j, 0], corners[j, 1])
        if not seen:
            continue
        if x1 == x2 or y1 == y2:
            solid(canvas, x1, y1, x2, y2, color, first, last)
        else:
            row = HEIGHT - 1 - y1
            if y1 > y2:
                _line(canvas, x2, HEIGHT - 1 - y2, x1, row, color, first, last)
            else:
                _line(canvas, x1, row, x2, HEIGHT - 1 - y2, color, first, last)
            if first <= row <= last and not canvas.left[row] <= x1 <= canvas.right[row]:
                solid(canvas, x1, y1, x1, y1, color, first, last)


@compiled
def solid(canvas: Canvas, x1: int, y1: int, x2: int, y2: int, color: int, first: int, last: int) -> None:
    """Draws a level or plumb line within the picture, y up."""
    for row in range(max(HEIGHT - 1 - max(y1, y2), first), min(HEIGHT - 1 - min(y1, y2), last) + 1):
        j = canvas.row_tiles[row]
        for x in range(min(x1, x2), max(x1, x2) + 1):
            i = canvas.column_tiles[x]
            tile = np.uint64(j * TILES + i)
            if canvas.tiles[tile] != color:
                if canvas.tiles[tile] >= 0:
                    open_tile(canvas.tiles, canvas.slots, canvas.homes, tile)
                place = (x - canvas.first_columns[i]) * LANES + row - canvas.first_rows[j]
                canvas.slots[(-1 - canvas.tiles[tile]) * SLOT + place] = color


@compiled
def _side(x: int, y: int) -> int:
    """On which side of the picture a point lies: 0 inside, 1 left, 2 right, plus 4 above or 8 below."""
    side = 1 if x < 0 else 2 if x > WIDTH - 1 else 0
    return side + (4 if y > HEIGHT - 1 else 8 if y < 0 else 0)


@compiled
def _clip(x1: int, y1: int, x2: int, y2: int) -> tuple[bool, int, int, int, int]:
    """Cuts a line at the picture's borders: whether any is left, and its ends. Single precision matters."""
    while True:
        side, other = _side(x1, y1), _side(x2, y2)
        if side & other:
            return False, 0, 0, 0, 0
        if side == 0 and other == 0:
            return True, x1, y1, x2, y2
        if side == 0:
            x1, y1, x2, y2, side = x2, y2, x1, y1, other
        slope = np.float32(0)
        if x1 != x2:
            slope = np.float32(y2 - y1) / np.float32(x2 - x1)
        if side & 3:
            border = 0 if side & 1 else WIDTH - 1
            y1 += int(np.float32(border - x1) * slope)
            x1 = border
        else:
            border = HEIGHT - 1 if side & 4 else 0
            if x1 != x2:
                x1 += int(np.float32(border - y1) / slope)
            y1 = border


@inlined
def _line(canvas: Canvas, x: int, row: int, end_x: int, end_row: int, color: int, first: int, last: int) -> None:
    """Draws a slanted line, upwards and without its ends, where the filling will not cover it."""
    # Taken out of the tuple once: inside the loops, that would cost more than mixing a pixel.
    left, right, tiles, slots, homes = canvas.left, canvas.right, canvas.tiles, canvas.slots, canvas.homes
    row_tiles, column_tiles = canvas.row_tiles, canvas.column_tiles
    first_rows, first_columns = canvas.first_rows, canvas.first_columns
    run, rise, step = abs(end_x - x), row - end_row, 1 if end_x > x else -1
    steep = rise > run
    slope = (run << 16) // rise if steep else (rise << 16) // run
    begin, end = (max(1, row - last), min(rise, row - first + 1)) if steep else (1, run)
    for k in range(begin, end):
        off, share = (k * slope) >> 16, ((k * slope) & 65535) >> 8
        across, down = (x + step * off, row - k) if steep else (x + step * k, row - off)
        for far in range(2):
            if far:
                across, down = (across + step, down) if steep else (across, down - 1)
            if down < first or down > last or across < 0 or across >= WIDTH:
                continue
            u, v = np.uint64(down), np.uint64(across)
            if left[u] <= across <= right[u]:
                continue
            j, i = np.uint64(row_tiles[u]), np.uint64(column_tiles[v])
            tile = j * np.uint64(TILES) + i
            if tiles[tile] == color:
                continue
            if tiles[tile] >= 0:
                open_tile(tiles, slots, homes, tile)
            place = (across - first_columns[i]) * LANES + down - first_rows[j]
            pixel = np.uint64((-1 - tiles[tile]) * SLOT + place)
            slots[pixel] = _mix(slots[pixel], color, share if far else 255 - share)


@inlined
def _mix(old: int, color: int, share: int) -> int:
    """Mixes two packed colours; the share is in 1/256ths."""
    # The colour's own opacity of 255/256 takes a little off the share. Red and blue are mixed in one number.
    weight, old, color = (share * 255) >> 8, int(old), int(color)
    both = (old & 0xFF00FF) * (256 - weight) + (color & 0xFF00FF) * weight
    green = (old & 0x00FF00) * (256 - weight) + (color & 0x00FF00) * weight
    return ((both >> 8) & 0xFF00FF) | ((green >> 8) & 0x00FF00)
