"""Paints polygons exactly as pygame-ce does, in the tiles of a canvas.

pygame-ce's rules were inferred from images that it drew:

- Vertices are truncated to integer pixels.
- ``gfxdraw.aapolygon`` clips each edge to the image in single precision. It then steps along the edge's longer axis and
  splits the colour between the two nearest pixels, in fractions of 1/256 that add up to a little less than 1.
- ``gfxdraw.filled_polygon`` computes where edges cross a row in 1/65536 of a pixel and rounds to the nearest pixel.
- ``draw.polygon`` rounds a row's crossings, in the order of the edges, down and up in turn.
"""

import numpy as np

from dreamgym.games.car_racing.canvas import (
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
    Pair,
    Polygons,
    open_tile,
)
from dreamgym.games.car_racing.compile import compiled, inlined
from dreamgym.games.car_racing.edges import draw_straight, outline


@compiled
def paint(canvas: Canvas, polygons: Polygons) -> None:
    """Makes the canvas black and paints the first ``polygons.used[0]`` polygons."""
    canvas.tiles[:] = 0
    canvas.slots[:] = -1
    canvas.slots[-1] = 0
    for k in range(polygons.used[0]):
        corners, color = polygons.corners[k, : polygons.sizes[k]], polygons.colors[k]
        antialiased = polygons.kinds[k] == ANTIALIASED
        bottom = HEIGHT if polygons.kinds[k] == DASHBOARD else DASHBOARD_TOP
        low, high = corners[0, 1], corners[0, 1]
        for i in range(1, len(corners)):
            low, high = min(low, corners[i, 1]), max(high, corners[i, 1])
        first, last = max(HEIGHT - 1 - high, 0), min(HEIGHT - 1 - low, bottom - 1)
        if first > last:
            continue
        most = _find_crossings(canvas, corners, (first, last), (low, high), antialiased)
        _set_spans(canvas, first, last, antialiased)
        if most > 2:
            _sort_crossings(canvas, first, last, antialiased)
        if antialiased:
            outline(canvas, corners, color, (first, last))
        _fill_spans(canvas, first, last, color)
        if most > 3:
            _fill_second_spans(canvas, first, last, color, antialiased)


@compiled
def _find_crossings(canvas: Canvas, corners: Ints, rows: Pair, ys: Pair, antialiased: bool) -> int:
    """Stores where the edges cross the given rows, and returns the largest number of crossings in a row, at least 2."""
    (first, last), (low, high) = rows, ys
    counts, crossings, most = canvas.counts, canvas.crossings, 2
    counts[first : last + 1] = 0
    if not antialiased and high == low:
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
        # An edge includes its lower end. It includes its upper end only in the polygon's top row.
        begin = max(y1, HEIGHT - 1 - last)
        end = min(y2 if y2 == high else y2 - 1, HEIGHT - 1 - first)
        if y1 == y2 or begin > end:
            continue
        rise, run = y2 - y1, x2 - x1
        quotient, remainder = 65536 // rise, 65536 % rise
        fraction, rest = ((begin - y1) << 16) // rise, ((begin - y1) << 16) % rise
        for row in range(HEIGHT - 1 - begin, HEIGHT - 2 - end, -1):
            u = np.uint64(row)
            n = np.uint64(counts[u])
            counts[u] += 1
            most = max(most, counts[u])
            if antialiased:
                crossings[n, u] = fraction * run + (x1 << 16)
                fraction += quotient
                rest += remainder
                if rest >= rise:
                    rest -= rise
                    fraction += 1
            else:
                scaled = (HEIGHT - 1 - row - y1) * run
                crossings[n, u] = x1 + (-(-scaled // rise) if n % np.uint64(2) else scaled // rise)
    return most


@inlined
def _span(a: int, b: int, antialiased: bool) -> Pair:
    """The first and last pixel of the image between two crossings, or (1000, -1) if there is none."""
    left, right = min(a, b), max(a, b)
    if antialiased:
        a, b = (left + 32769) >> 16, (right + 32767) >> 16
        left, right = min(a, b), max(a, b)
    visible = left < WIDTH and right >= 0
    return (max(left, 0) if visible else WIDTH), (min(right, WIDTH - 1) if visible else -1)


@compiled
def _set_spans(canvas: Canvas, first: int, last: int, antialiased: bool) -> None:
    """Sets each row's span from its first two crossings, and empties the spans of the other rows of the same tiles."""
    counts, crossings, left, right = canvas.counts, canvas.crossings, canvas.left, canvas.right
    begin, end = canvas.first_rows[canvas.row_tiles[first]], canvas.first_rows[canvas.row_tiles[last]] + LANES
    left[begin:first], right[begin:first] = WIDTH, -1
    left[last + 1 : end], right[last + 1 : end] = WIDTH, -1
    for row in range(first, last + 1):
        u = np.uint64(row)
        low, high = _span(crossings[0, u], crossings[1, u], antialiased)
        left[u], right[u] = (low if counts[u] > 1 else WIDTH), (high if counts[u] > 1 else -1)


@compiled
def _sort_crossings(canvas: Canvas, first: int, last: int, antialiased: bool) -> None:
    """Sorts the crossings of rows with more than two, and sets the spans of these rows again."""
    crossings = canvas.crossings
    for row in range(first, last + 1):
        if canvas.counts[row] > 2:
            for n in range(1, canvas.counts[row]):
                for k in range(n, 0, -1):
                    a, b = crossings[k - 1, row], crossings[k, row]
                    crossings[k - 1, row], crossings[k, row] = min(a, b), max(a, b)
            canvas.left[row], canvas.right[row] = _span(crossings[0, row], crossings[1, row], antialiased)


@compiled
def _fill_second_spans(canvas: Canvas, first: int, last: int, color: int, antialiased: bool) -> None:
    """Paints between the third and the fourth crossing of each row that has them."""
    for row in range(first, last + 1):
        if canvas.counts[row] > 3:
            left, right = _span(canvas.crossings[2, row], canvas.crossings[3, row], antialiased)
            if left <= right:
                draw_straight(canvas, (left, HEIGHT - 1 - row), (right, HEIGHT - 1 - row), color, (row, row))


@compiled
def _fill_spans(canvas: Canvas, first: int, last: int, color: int) -> None:
    """Paints the spans of the rows ``first`` to ``last``. Fully covered tiles get a single colour."""
    tiles, pixels, slots, lefts, rights = canvas.tiles, canvas.pixels, canvas.slots, canvas.left, canvas.right
    first_rows, first_columns, column_tiles = canvas.first_rows, canvas.first_columns, canvas.column_tiles
    # LANES, but unknown to the compiler, which would unroll the innermost loop and vectorize the loop around it.
    lanes = len(canvas.row_averages)
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
        begin, end = _covered_tiles(column_tiles, first_columns, inner_left, inner_right, finish)
        for i in range(begin, end):
            tiles[np.uint64(j * TILES + i)] = color
        for k in range(column_tiles[left], finish - (end - begin)):
            i = k if k < begin else k + end - begin
            tile = np.uint64(j * TILES + i)
            if tiles[tile] == color:
                continue
            if tiles[tile] >= 0:
                open_tile(tiles, pixels, slots, tile)
            start = (-1 - tiles[tile]) * SLOT - first_columns[i] * LANES
            x = max(left, first_columns[i])
            while x <= right and column_tiles[np.uint64(x)] == i:
                # All lanes at once. Those below the tile's own rows have no weight when the canvas is shrunk.
                offset, px = np.uint64(start + x * LANES), np.int32(x)
                for lane in range(lanes):
                    u, v = np.uint64(top) + np.uint64(lane), offset + np.uint64(lane)
                    inside = (lefts[u] <= px) & (px <= rights[u])
                    pixels[v] = color if inside else pixels[v]
                x += 1


@inlined
def _covered_tiles(column_tiles: Ints, first_columns: Ints, left: int, right: int, finish: int) -> Pair:
    """The range of tiles that lie entirely in the columns ``left`` to ``right``; ``finish`` twice if there are none."""
    if left > right:
        return finish, finish
    begin, end = column_tiles[left], column_tiles[right]
    begin += first_columns[begin] < left
    end += first_columns[end + 1] <= right + 1
    return (begin, end) if begin < end else (finish, finish)
