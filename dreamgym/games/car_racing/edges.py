"""Draws the edges of anti-aliased polygons exactly as pygame-ce does."""

import numpy as np

from dreamgym.games.car_racing.canvas import HEIGHT, LANES, SLOT, TILES, WIDTH, Canvas, Ints, Pair, open_tile
from dreamgym.games.car_racing.compile import compiled, inlined


@compiled
def outline(canvas: Canvas, corners: Ints, color: int, rows: Pair) -> None:
    """Draws a polygon's edges in the given rows. Corners are int32 ``(n, 2)``, y up.

    A slanted edge has an opaque pixel at one end, none at the other, and blended pixels between. It omits the pixels
    from ``canvas.left`` to ``canvas.right``, which filling will cover. Horizontal and vertical edges are opaque.
    """
    first, last = rows
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        visible, x1, y1, x2, y2 = _clip(corners[i, 0], corners[i, 1], corners[j, 0], corners[j, 1])
        if not visible:
            continue
        if x1 == x2 or y1 == y2:
            draw_straight(canvas, (x1, y1), (x2, y2), color, rows)
        else:
            row = HEIGHT - 1 - y1
            if y1 > y2:
                _draw_slanted(canvas, (x2, HEIGHT - 1 - y2), (x1, row), color, rows)
            else:
                _draw_slanted(canvas, (x1, row), (x2, HEIGHT - 1 - y2), color, rows)
            if first <= row <= last and not canvas.left[row] <= x1 <= canvas.right[row]:
                draw_straight(canvas, (x1, y1), (x1, y1), color, rows)


@compiled
def draw_straight(canvas: Canvas, start: Pair, end: Pair, color: int, rows: Pair) -> None:
    """Draws an opaque horizontal or vertical line in the given rows. ``start`` and ``end`` are in the image, y up."""
    (x1, y1), (x2, y2) = start, end
    for row in range(max(HEIGHT - 1 - max(y1, y2), rows[0]), min(HEIGHT - 1 - min(y1, y2), rows[1]) + 1):
        j = canvas.row_tiles[row]
        for x in range(min(x1, x2), max(x1, x2) + 1):
            i = canvas.column_tiles[x]
            tile = np.uint64(j * TILES + i)
            if canvas.tiles[tile] != color:
                if canvas.tiles[tile] >= 0:
                    open_tile(canvas.tiles, canvas.pixels, canvas.slots, tile)
                offset = (x - canvas.first_columns[i]) * LANES + row - canvas.first_rows[j]
                canvas.pixels[(-1 - canvas.tiles[tile]) * SLOT + offset] = color


@compiled
def _outcode(x: int, y: int) -> int:
    """A point's Cohen-Sutherland code: 0 inside the image, 1 left or 2 right of it, plus 4 above or 8 below it."""
    code = 1 if x < 0 else 2 if x > WIDTH - 1 else 0
    return code + (4 if y > HEIGHT - 1 else 8 if y < 0 else 0)


@compiled
def _clip(x1: int, y1: int, x2: int, y2: int) -> tuple[bool, int, int, int, int]:
    """Clips a line to the image (Cohen-Sutherland): whether a part is visible, and the ends of that part."""
    while True:
        code, other = _outcode(x1, y1), _outcode(x2, y2)
        if code & other:
            return False, 0, 0, 0, 0
        if code == 0 and other == 0:
            return True, x1, y1, x2, y2
        if code == 0:
            x1, y1, x2, y2, code = x2, y2, x1, y1, other
        slope = np.float32(0)  # pygame-ce clips in single precision
        if x1 != x2:
            slope = np.float32(y2 - y1) / np.float32(x2 - x1)
        if code & 3:
            border = 0 if code & 1 else WIDTH - 1
            y1 += int(np.float32(border - x1) * slope)
            x1 = border
        else:
            border = HEIGHT - 1 if code & 4 else 0
            if x1 != x2:
                x1 += int(np.float32(border - y1) / slope)
            y1 = border


@inlined
def _draw_slanted(canvas: Canvas, start: Pair, end: Pair, color: int, rows: Pair) -> None:
    """Draws an anti-aliased line without its ends. ``start`` is the lower one, y down."""
    (x, row), (end_x, end_row), (first, last) = start, end, rows
    # Read once, because reading a field in the loop takes longer than blending a pixel.
    left, right, tiles, pixels, slots = canvas.left, canvas.right, canvas.tiles, canvas.pixels, canvas.slots
    row_tiles, column_tiles = canvas.row_tiles, canvas.column_tiles
    first_rows, first_columns = canvas.first_rows, canvas.first_columns
    run, rise, step = abs(end_x - x), row - end_row, 1 if end_x > x else -1
    steep = rise > run
    slope = (run << 16) // rise if steep else (rise << 16) // run
    begin, stop = (max(1, row - last), min(rise, row - first + 1)) if steep else (1, run)
    for k in range(begin, stop):
        shift, fraction = (k * slope) >> 16, ((k * slope) & 65535) >> 8
        px, py = (x + step * shift, row - k) if steep else (x + step * k, row - shift)
        for second in range(2):
            if second:
                px, py = (px + step, py) if steep else (px, py - 1)
            if py < first or py > last or px < 0 or px >= WIDTH:
                continue
            u, v = np.uint64(py), np.uint64(px)
            if left[u] <= px <= right[u]:
                continue
            j, i = np.uint64(row_tiles[u]), np.uint64(column_tiles[v])
            tile = j * np.uint64(TILES) + i
            if tiles[tile] == color:
                continue
            if tiles[tile] >= 0:
                open_tile(tiles, pixels, slots, tile)
            offset = (px - first_columns[i]) * LANES + py - first_rows[j]
            pixel = np.uint64((-1 - tiles[tile]) * SLOT + offset)
            pixels[pixel] = _blend(pixels[pixel], color, fraction if second else 255 - fraction)


@inlined
def _blend(old: int, color: int, fraction: int) -> int:
    """Blends a packed colour into another one. ``fraction`` is in 1/256."""
    # pygame-ce multiplies the fraction by the colour's opacity of 255/256. Red and blue are blended in one number.
    alpha, old, color = (fraction * 255) >> 8, int(old), int(color)
    red_blue = (old & 0xFF00FF) * (256 - alpha) + (color & 0xFF00FF) * alpha
    green = (old & 0x00FF00) * (256 - alpha) + (color & 0x00FF00) * alpha
    return ((red_blue >> 8) & 0xFF00FF) | ((green >> 8) & 0x00FF00)
