"""Draws polygons exactly as pygame-ce does, touching only the pixels that anything depends on.

What pygame-ce does was found by drawing polygons and looking at the pictures:

- vertices are cut to whole pixels, towards zero;
- `gfxdraw.aapolygon` clips each edge to the picture in single precision, then walks along its longer axis and
  shares the colour between the two pixels beside the line, in 1/256ths; both shares are a little too dark;
- `gfxdraw.filled_polygon` rounds each row's crossings, kept in 1/65536ths of a pixel, to the nearest pixel;
- `draw.polygon` rounds each row's first crossing, in the order of the edges, down and the second one up.
"""

import numpy as np

from dreamgym.envs.car_canvas import (
    ANTIALIASED,
    DASHBOARD,
    DASHBOARD_TOP,
    HEIGHT,
    LANES,
    SLOT,
    TILES,
    WIDTH,
    Canvas,
    Ints,
    Polygons,
)
from dreamgym.envs.car_compile import compiled, inlined


@compiled
def draw(canvas: Canvas, polygons: Polygons, count: int) -> None:
    """Paints the first `count` polygons on a black picture."""
    canvas.tiles[:] = 0
    canvas.used[0] = 0
    for k in range(count):
        corners, color, kind = polygons.corners[k, : polygons.sizes[k]], polygons.colors[k], polygons.kinds[k]
        bottom = HEIGHT if kind == DASHBOARD else DASHBOARD_TOP
        first = max(HEIGHT - 1 - int(corners[:, 1].max()), 0)
        last = min(HEIGHT - 1 - int(corners[:, 1].min()), bottom - 1)
        if first > last:
            continue
        _cross(canvas, corners, first, last, kind == ANTIALIASED)
        split = _take_spans(canvas, first, last, kind == ANTIALIASED)
        if kind == ANTIALIASED:
            _outline(canvas, corners, color, first, last)
        _fill(canvas, first, last, color)
        if split:
            _fill_second_runs(canvas, first, last, color)


@inlined
def _cross(canvas: Canvas, corners: Ints, first: int, last: int, fine: bool) -> None:
    """Notes where the edges cross the rows first..last: in 1/65536ths of a pixel if `fine`, else in pixels."""
    crossings = canvas.crossings
    crossings[first : last + 1, 0] = 0
    top = int(corners[:, 1].max())
    if not fine and top == corners[:, 1].min():
        crossings[first, 0] = 2
        crossings[first, 1], crossings[first, 2] = corners[:, 0].min(), corners[:, 0].max()
        return
    for i in range(len(corners)):
        x1, y1, x2, y2 = (
            int(corners[i - 1, 0]),
            int(corners[i - 1, 1]),
            int(corners[i, 0]),
            int(corners[i, 1]),
        )
        if y1 > y2:
            x1, y1, x2, y2 = x2, y2, x1, y1
        # An edge owns its lower end; only at the very top of the polygon does it own its upper end too.
        low = max(y1, HEIGHT - 1 - last)
        high = min(y2 if y2 == top else y2 - 1, HEIGHT - 1 - first)
        if y1 == y2 or low > high:
            continue
        rise, run = y2 - y1, x2 - x1
        share, rest = ((low - y1) << 16) // rise, ((low - y1) << 16) % rise
        for row in range(HEIGHT - 1 - low, HEIGHT - 2 - high, -1):
            n = crossings[row, 0] + 1
            crossings[row, 0] = n
            if fine:
                crossings[row, n] = share * run + (x1 << 16)
                share += 65536 // rise
                rest += 65536 % rise
                if rest >= rise:
                    rest -= rise
                    share += 1
            else:
                ahead = (HEIGHT - 1 - row - y1) * run
                crossings[row, n] = x1 + (ahead // rise if n % 2 else -(-ahead // rise))


@inlined
def _take_spans(canvas: Canvas, first: int, last: int, fine: bool) -> bool:
    """Turns each row's crossings into runs of pixels; says whether any row has a second run."""
    crossings, spans, split = canvas.crossings, canvas.spans, False
    for row in range(first, last + 1):
        n = crossings[row, 0]
        spans[row, 0], spans[row, 1], spans[row, 2], spans[row, 3] = WIDTH, -1, WIDTH, -1
        if n > 2:
            crossings[row, 1 : n + 1].sort()
            split = True
        for k in range(0, min(n - 1, 3), 2):
            a, b = crossings[row, k + 1], crossings[row, k + 2]
            left, right = min(a, b), max(a, b)
            if fine:
                a, b = (left + 32769) >> 16, (right + 32767) >> 16
                left, right = min(a, b), max(a, b)
            if left < WIDTH and right >= 0:
                spans[row, k], spans[row, k + 1] = max(left, 0), min(right, WIDTH - 1)
    return split


@compiled
def _fill(canvas: Canvas, first: int, last: int, color: int) -> None:
    """Paints the first runs of the rows first..last; tiles that lie inside altogether become plain."""
    tiles, slots, used, spans = canvas.tiles, canvas.slots, canvas.used, canvas.spans
    first_rows, last_rows, column_tiles = canvas.first_rows, canvas.last_rows, canvas.column_tiles
    first_columns, last_columns = canvas.first_columns, canvas.last_columns
    for j in range(canvas.row_tiles[first, 0], canvas.row_tiles[last, 1] + 1):
        top, end = max(first, first_rows[j]), min(last, last_rows[j]) + 1
        left, right, inner_left, inner_right = WIDTH, -1, 0, WIDTH - 1
        for row in range(top, end):
            left, right = min(left, spans[row, 0]), max(right, spans[row, 1])
            inner_left, inner_right = max(inner_left, spans[row, 0]), min(inner_right, spans[row, 1])
        if left > right:
            continue
        begin, finish = column_tiles[left, 0], column_tiles[right, 1]
        inside, outside = finish + 1, finish + 1
        if top == first_rows[j] and end > last_rows[j] and inner_left <= inner_right:
            inside, outside = column_tiles[inner_left, 1], column_tiles[inner_right, 0]
            inside += first_columns[inside] < inner_left
            outside += last_columns[outside] <= inner_right
            if inside >= outside:
                inside, outside = finish + 1, finish + 1
        for i in range(begin, finish + 1):
            tile = np.uint64(j * TILES + i)
            if inside <= i < outside:
                tiles[tile] = color
            if tiles[tile] == color:
                continue
            if tiles[tile] >= 0:
                _open(tiles, slots, used, tile)
            origin = (-1 - tiles[tile]) * SLOT - first_columns[i] * LANES - first_rows[j]
            for row in range(top, end):
                u = np.uint64(row)
                for x in range(max(spans[u, 0], first_columns[i]), min(spans[u, 1], last_columns[i]) + 1):
                    slots[np.uint64(origin + x * LANES + row)] = color


@inlined
def _fill_second_runs(canvas: Canvas, first: int, last: int, color: int) -> None:
    for row in range(first, last + 1):
        left, right, y = canvas.spans[row, 2], canvas.spans[row, 3], HEIGHT - 1 - row
        if left <= right:
            _solid(canvas, left, y, right, y, color, row, row)


@compiled
def _open(tiles: Ints, slots: Ints, used: Ints, tile: np.uint64) -> None:
    """Gives a plain tile its pixels; does nothing to an open one."""
    color = tiles[tile]
    if color >= 0:
        tiles[tile] = -1 - used[0]
        slots[used[0] * SLOT : (used[0] + 1) * SLOT] = color
        used[0] += 1


@inlined
def _mix(old: int, color: int, weight: int) -> int:
    """Mixes two packed colours; the weight is in 1/256ths."""
    red, green, blue = old >> 16, (old >> 8) & 255, old & 255
    red += (((color >> 16) - red) * weight) >> 8
    green += ((((color >> 8) & 255) - green) * weight) >> 8
    blue += (((color & 255) - blue) * weight) >> 8
    return red << 16 | green << 8 | blue


@inlined
def _outline(canvas: Canvas, corners: Ints, color: int, first: int, last: int) -> None:
    """Draws the edges: each begins with a solid point and ends without one; level and plumb ones are all solid."""
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        seen, x1, y1, x2, y2 = _clip(corners[i, 0], corners[i, 1], corners[j, 0], corners[j, 1])
        if not seen:
            continue
        if x1 == x2 or y1 == y2:
            _solid(canvas, x1, y1, x2, y2, color, first, last)
        else:
            _line(canvas, x1, y1, x2, y2, color, first, last)
            row = HEIGHT - 1 - y1
            if first <= row <= last and not canvas.spans[row, 0] <= x1 <= canvas.spans[row, 1]:
                _solid(canvas, x1, y1, x1, y1, color, first, last)


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


@compiled
def _solid(canvas: Canvas, x1: int, y1: int, x2: int, y2: int, color: int, first: int, last: int) -> None:
    """Draws a level or plumb line."""
    for row in range(max(HEIGHT - 1 - max(y1, y2), first), min(HEIGHT - 1 - min(y1, y2), last) + 1):
        for x in range(min(x1, x2), max(x1, x2) + 1):
            for j in range(canvas.row_tiles[row, 0], canvas.row_tiles[row, 1] + 1):
                for i in range(canvas.column_tiles[x, 0], canvas.column_tiles[x, 1] + 1):
                    tile = np.uint64(j * TILES + i)
                    if canvas.tiles[tile] != color:
                        _open(canvas.tiles, canvas.slots, canvas.used, tile)
                        place = (x - canvas.first_columns[i]) * LANES + row - canvas.first_rows[j]
                        canvas.slots[(-1 - canvas.tiles[tile]) * SLOT + place] = color


@inlined
def _line(canvas: Canvas, x1: int, y1: int, x2: int, y2: int, color: int, first: int, last: int) -> None:
    """Draws a slanted line without its ends, where the filling will not cover it."""
    # Taken out of the tuple once: inside the loop, that would cost more than mixing a pixel.
    spans, tiles, slots, used = canvas.spans, canvas.tiles, canvas.slots, canvas.used
    row_tiles, column_tiles = canvas.row_tiles, canvas.column_tiles
    first_rows, first_columns = canvas.first_rows, canvas.first_columns
    if y1 > y2:
        x1, y1, x2, y2 = x2, y2, x1, y1
    run, rise, step = abs(x2 - x1), y2 - y1, 1 if x2 > x1 else -1
    steep = rise > run
    slope = (run << 16) // rise if steep else (rise << 16) // run
    for k in range(1, max(run, rise)):
        across, share = (k * slope) >> 16, ((k * slope) & 65535) >> 8
        x = x1 + step * (across if steep else k)
        row = HEIGHT - 1 - y1 - (k if steep else across)
        for far in range(2):
            if far:
                x, row = (x + step, row) if steep else (x, row - 1)
            if row < first or row > last or x < 0 or x >= WIDTH or spans[row, 0] <= x <= spans[row, 1]:
                continue
            # The colour's own opacity of 255/256 takes a little off both shares.
            weight = ((share if far else 255 - share) * 255) >> 8
            u, v = np.uint64(row), np.uint64(x)
            for j in range(row_tiles[u, 0], row_tiles[u, 1] + 1):
                for i in range(column_tiles[v, 0], column_tiles[v, 1] + 1):
                    tile = np.uint64(j * TILES + i)
                    if tiles[tile] == color:
                        continue
                    if tiles[tile] >= 0:
                        _open(tiles, slots, used, tile)
                    place = (-1 - tiles[tile]) * SLOT + (x - first_columns[i]) * LANES + row - first_rows[j]
                    slots[np.uint64(place)] = _mix(slots[np.uint64(place)], color, weight)
