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
    open_tile,
)
from dreamgym.envs.car_compile import compiled, inlined
from dreamgym.envs.car_edges import outline, solid


@compiled
def draw(canvas: Canvas, polygons: Polygons, count: int) -> None:
    """Paints the first `count` polygons on a black picture."""
    canvas.tiles[:] = 0
    canvas.homes[:] = -1
    canvas.homes[-1] = 0
    for k in range(count):
        corners, color, fine = (
            polygons.corners[k, : polygons.sizes[k]],
            polygons.colors[k],
            polygons.kinds[k] == ANTIALIASED,
        )
        bottom = HEIGHT if polygons.kinds[k] == DASHBOARD else DASHBOARD_TOP
        low, high = corners[0, 1], corners[0, 1]
        for i in range(1, len(corners)):
            low, high = min(low, corners[i, 1]), max(high, corners[i, 1])
        first, last = max(HEIGHT - 1 - high, 0), min(HEIGHT - 1 - low, bottom - 1)
        if first > last:
            continue
        most = _cross(canvas, corners, first, last, low, high, fine)
        _take_runs(canvas, first, last, fine)
        if most > 2:
            _sort(canvas, first, last, fine)
        if fine:
            outline(canvas, corners, color, first, last)
        _fill(canvas, first, last, color)
        if most > 3:
            _fill_second_runs(canvas, first, last, color, fine)


@compiled
def _cross(canvas: Canvas, corners: Ints, first: int, last: int, low: int, high: int, fine: bool) -> int:
    """Notes where the edges cross the rows first..last: in 1/65536ths of a pixel if `fine`, else in pixels.

    Returns:
        The greatest number of crossings of a row; at least 2.
    """
    counts, crossings, most = canvas.counts, canvas.crossings, 2
    counts[first : last + 1] = 0
    if not fine and high == low:
        counts[first] = 2
        crossings[0, first] = crossings[1, first] = corners[0, 0]
        for i in range(1, len(corners)):
            crossings[0, first] = min(crossings[0, first], corners[i, 0])
            crossings[1, first] = max(crossings[1, first], corners[i, 0])
        return most
    for i in range(len(corners)):
        x1, y1 = int(corners[i - 1, 0]), int(corners[i - 1, 1])
        x2, y2 = int(corners[i, 0]), int(corners[i, 1])
        if y1 > y2:
            x1, y1, x2, y2 = x2, y2, x1, y1
        # An edge owns its lower end; only at the very top of the polygon does it own its upper end too.
        begin = max(y1, HEIGHT - 1 - last)
        end = min(y2 if y2 == high else y2 - 1, HEIGHT - 1 - first)
        if y1 == y2 or begin > end:
            continue
        rise, run = y2 - y1, x2 - x1
        each, left_over = 65536 // rise, 65536 % rise
        share, rest = ((begin - y1) << 16) // rise, ((begin - y1) << 16) % rise
        for row in range(HEIGHT - 1 - begin, HEIGHT - 2 - end, -1):
            u = np.uint64(row)
            n = np.uint64(counts[u])
            counts[u] += 1
            most = max(most, counts[u])
            if fine:
                crossings[n, u] = share * run + (x1 << 16)
                share += each
                rest += left_over
                if rest >= rise:
                    rest -= rise
                    share += 1
            else:
                ahead = (HEIGHT - 1 - row - y1) * run
                crossings[n, u] = x1 + (-(-ahead // rise) if n % np.uint64(2) else ahead // rise)
    return most


@inlined
def _pixels(a: int, b: int, fine: bool) -> tuple[int, int]:
    """First and last pixel of the picture between two crossings; (1000, -1) if there is none."""
    left, right = min(a, b), max(a, b)
    if fine:
        a, b = (left + 32769) >> 16, (right + 32767) >> 16
        left, right = min(a, b), max(a, b)
    seen = left < WIDTH and right >= 0
    return (max(left, 0) if seen else WIDTH), (min(right, WIDTH - 1) if seen else -1)


@compiled
def _take_runs(canvas: Canvas, first: int, last: int, fine: bool) -> None:
    """Turns each row's first two crossings into its pixels, and empties the other rows of the same tiles."""
    counts, crossings, left, right = canvas.counts, canvas.crossings, canvas.left, canvas.right
    begin, end = canvas.first_rows[canvas.row_tiles[first]], canvas.first_rows[canvas.row_tiles[last]] + LANES
    left[begin:first], right[begin:first] = WIDTH, -1
    left[last + 1 : end], right[last + 1 : end] = WIDTH, -1
    for row in range(first, last + 1):
        u = np.uint64(row)
        low, high = _pixels(crossings[0, u], crossings[1, u], fine)
        left[u], right[u] = (low if counts[u] > 1 else WIDTH), (high if counts[u] > 1 else -1)


@compiled
def _sort(canvas: Canvas, first: int, last: int, fine: bool) -> None:
    """Sorts the crossings of rows with more than two, and takes their pixels anew."""
    crossings = canvas.crossings
    for row in range(first, last + 1):
        if canvas.counts[row] > 2:
            for n in range(1, canvas.counts[row]):
                for k in range(n, 0, -1):
                    a, b = crossings[k - 1, row], crossings[k, row]
                    crossings[k - 1, row], crossings[k, row] = min(a, b), max(a, b)
            canvas.left[row], canvas.right[row] = _pixels(crossings[0, row], crossings[1, row], fine)


@compiled
def _fill_second_runs(canvas: Canvas, first: int, last: int, color: int, fine: bool) -> None:
    """Paints between the third and the fourth crossing of those rows that have them."""
    for row in range(first, last + 1):
        if canvas.counts[row] > 3:
            left, right = _pixels(canvas.crossings[2, row], canvas.crossings[3, row], fine)
            if left <= right:
                solid(canvas, left, HEIGHT - 1 - row, right, HEIGHT - 1 - row, color, row, row)


@compiled
def _fill(canvas: Canvas, first: int, last: int, color: int) -> None:
    """Paints the pixels inside, in the rows first..last; tiles that lie inside altogether become plain."""
    tiles, slots, homes, lefts, rights = canvas.tiles, canvas.slots, canvas.homes, canvas.left, canvas.right
    first_rows, first_columns, column_tiles = canvas.first_rows, canvas.first_columns, canvas.column_tiles
    # Sixteen, but the compiler must not know it: it would unroll the innermost loop and scatter the one around it.
    lanes = len(canvas.lanes)
    for j in range(canvas.row_tiles[first], canvas.row_tiles[last] + 1):
        top = first_rows[j]
        left, right, inner_left, inner_right = WIDTH, -1, 0, WIDTH - 1
        for row in range(top, first_rows[j + 1]):
            u = np.uint64(row)
            left, right = min(left, lefts[u]), max(right, rights[u])
            inner_left, inner_right = max(inner_left, lefts[u]), min(inner_right, rights[u])
        if left > right:
            continue
        finish = column_tiles[right] + 1
        inside, outside = finish, finish
        if inner_left <= inner_right:
            inside, outside = column_tiles[inner_left], column_tiles[inner_right]
            inside += first_columns[inside] < inner_left
            outside += first_columns[outside + 1] <= inner_right + 1
            if inside >= outside:
                inside, outside = finish, finish
        for i in range(inside, outside):
            tiles[np.uint64(j * TILES + i)] = color
        for k in range(column_tiles[left], finish - (outside - inside)):
            i = k if k < inside else k + outside - inside
            tile = np.uint64(j * TILES + i)
            if tiles[tile] == color:
                continue
            if tiles[tile] >= 0:
                open_tile(tiles, slots, homes, tile)
            start = (-1 - tiles[tile]) * SLOT - first_columns[i] * LANES
            x = max(left, first_columns[i])
            while x <= right and column_tiles[np.uint64(x)] == i:
                # All rows at once, as in shrinking; those beyond the tile's own are never read.
                place, across = np.uint64(start + x * LANES), np.int32(x)
                for lane in range(lanes):
                    u, v = np.uint64(top) + np.uint64(lane), place + np.uint64(lane)
                    inner = (lefts[u] <= across) & (across <= rights[u])
                    slots[v] = color if inner else slots[v]
                x += 1
