"""Draws polygons exactly as pygame-ce does, touching only the pixels that anything depends on.

The picture is 1000x800, but most of it is plain grass or plain road. It is cut into tiles, about one for each
pixel of the 96x96 frame, and a tile keeps one colour for as long as no edge runs through it: then it is `open`
and its pixels count. Everything a frame is made of is thus the plain tiles and the pixels along the edges.

What pygame-ce does was found by drawing polygons and looking at the pictures:

- vertices are cut to whole pixels, towards zero;
- `gfxdraw.aapolygon` clips each edge to the picture in single precision, then walks along its longer axis and
  shares the colour between the two pixels beside the line, in 1/256ths; both shares are a little too dark;
- `gfxdraw.filled_polygon` rounds each row's crossings, kept in 1/65536ths of a pixel, to the nearest pixel;
- `draw.polygon` rounds each row's first crossing, in the order of the edges, down and the second one up.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamgym.envs.car_compile import compiled

WIDTH, HEIGHT = 1000, 800
DASHBOARD_TOP = 700
OPEN = -1
ANTIALIASED, DRAWN, DASHBOARD = 0, 1, 2
MAX_CORNERS = 8
LANES = 16

Ints = NDArray[np.int32]


class Canvas(NamedTuple):
    """A picture in the making, row 0 at its top.

    Attributes:
        pixels: int32 `[1000, 816]`, column by column (which is how they are averaged, sixteen at a time),
            colours packed as `red << 16 | green << 8 | blue`; only those in open tiles count.
        tiles: int32 `[97, 97]`, the packed colour of a plain tile, or `OPEN`.
        row_starts: int32 `[98]`, the first row of each row of tiles, and the end of the last.
        column_starts: int32 `[98]`, the same for columns.
        row_tiles: int32 `[800]`, the tile in which each row lies.
        column_tiles: int32 `[1000]`, the same for columns.
        crossings: int32 `[800, 9]`, scratch: how many edges cross each row, and where, in 1/65536ths of a pixel.
        spans: int32 `[800, 4]`, scratch: first and last pixel of the one or two runs inside a polygon, by row.
    """

    pixels: Ints
    tiles: Ints
    row_starts: Ints
    column_starts: Ints
    row_tiles: Ints
    column_tiles: Ints
    crossings: NDArray[np.int64]
    spans: Ints


class Polygons(NamedTuple):
    """A list of polygons in the order in which they are painted.

    Attributes:
        corners: int32 `[n, 8, 2]`, x to the right and y *up*, in pixels.
        sizes: int32 `[n]`, how many corners each has.
        colors: int32 `[n]`, packed like a canvas's pixels.
        kinds: int32 `[n]`, `ANTIALIASED` or `DRAWN` (both behind the dashboard), or `DASHBOARD`.
    """

    corners: Ints
    sizes: Ints
    colors: Ints
    kinds: Ints


def new_canvas(row_starts: Ints, column_starts: Ints) -> Canvas:
    """A canvas whose tiles begin at the given rows and columns; its memory is touched only where it is drawn on."""
    return Canvas(
        pixels=np.empty((WIDTH, HEIGHT + LANES), np.int32),
        tiles=np.zeros((len(row_starts) - 1, len(column_starts) - 1), np.int32),
        row_starts=row_starts,
        column_starts=column_starts,
        row_tiles=np.searchsorted(row_starts, np.arange(HEIGHT), side="right").astype(np.int32) - 1,
        column_tiles=np.searchsorted(column_starts, np.arange(WIDTH), side="right").astype(np.int32) - 1,
        crossings=np.empty((HEIGHT, MAX_CORNERS + 1), np.int64),
        spans=np.empty((HEIGHT, 4), np.int32),
    )


@compiled
def draw(canvas: Canvas, polygons: Polygons, count: int) -> None:
    """Paints the first `count` polygons on a black picture."""
    canvas.tiles[:] = 0
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


@compiled
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


@compiled
def _take_spans(canvas: Canvas, first: int, last: int, fine: bool) -> bool:
    """Turns each row's crossings into runs of pixels; says whether any row has a second run."""
    split = False
    for row in range(first, last + 1):
        n = canvas.crossings[row, 0]
        canvas.spans[row, 0], canvas.spans[row, 1] = WIDTH, -1
        canvas.spans[row, 2], canvas.spans[row, 3] = WIDTH, -1
        if n < 2:
            continue
        found = canvas.crossings[row, 1 : n + 1]
        if n > 2:
            found.sort()
            split = True
        for k in range(0, min(n - 1, 3), 2):
            left, right = min(found[k], found[k + 1]), max(found[k], found[k + 1])
            if fine:
                left, right = (left + 32769) >> 16, (right + 32767) >> 16
                left, right = min(left, right), max(left, right)
            if left < WIDTH and right >= 0:
                canvas.spans[row, k], canvas.spans[row, k + 1] = max(left, 0), min(right, WIDTH - 1)
    return split


@compiled
def _fill(canvas: Canvas, first: int, last: int, color: int) -> None:
    """Paints the first runs of the rows first..last; tiles that lie inside altogether become plain."""
    spans, starts = canvas.spans, canvas.column_starts
    for j in range(canvas.row_tiles[first], canvas.row_tiles[last] + 1):
        top, end = max(first, canvas.row_starts[j]), min(last + 1, canvas.row_starts[j + 1])
        left, right, inner_left, inner_right = WIDTH, -1, 0, WIDTH - 1
        for row in range(top, end):
            left, right = min(left, spans[row, 0]), max(right, spans[row, 1])
            inner_left, inner_right = max(inner_left, spans[row, 0]), min(inner_right, spans[row, 1])
        if left > right:
            continue
        begin, finish = canvas.column_tiles[left], canvas.column_tiles[right]
        inside, outside = finish + 1, finish + 1
        if end - top == canvas.row_starts[j + 1] - canvas.row_starts[j] and inner_left <= inner_right:
            inside = canvas.column_tiles[inner_left]
            if starts[inside] < inner_left:
                inside += 1
            outside = canvas.column_tiles[inner_right]
            if starts[outside + 1] - 1 <= inner_right:
                outside += 1
            if inside >= outside:
                inside, outside = finish + 1, finish + 1
        for i in range(begin, inside):
            if canvas.tiles[j, i] != color:
                _open(canvas, j, i)
        for i in range(inside, outside):
            canvas.tiles[j, i] = color
        for i in range(outside, finish + 1):
            if canvas.tiles[j, i] != color:
                _open(canvas, j, i)
        for row in range(top, end):
            for x in range(spans[row, 0], min(spans[row, 1] + 1, starts[inside])):
                canvas.pixels[x, row] = color
            for x in range(max(spans[row, 0], starts[outside]), spans[row, 1] + 1):
                canvas.pixels[x, row] = color


@compiled
def _fill_second_runs(canvas: Canvas, first: int, last: int, color: int) -> None:
    for row in range(first, last + 1):
        left, right, y = canvas.spans[row, 2], canvas.spans[row, 3], HEIGHT - 1 - row
        if left <= right:
            _solid(canvas, left, y, right, y, color, row, row)


@compiled
def _open(canvas: Canvas, j: int, i: int) -> None:
    """Gives a plain tile its pixels; does nothing to an open one."""
    color = canvas.tiles[j, i]
    if color == OPEN:
        return
    canvas.tiles[j, i] = OPEN
    for x in range(canvas.column_starts[i], canvas.column_starts[i + 1]):
        for row in range(canvas.row_starts[j], canvas.row_starts[j + 1]):
            canvas.pixels[x, row] = color


@compiled
def _mix(old: int, color: int, weight: int) -> int:
    """Mixes two packed colours; the weight is in 1/256ths."""
    red, green, blue = old >> 16, (old >> 8) & 255, old & 255
    red += (((color >> 16) - red) * weight) >> 8
    green += ((((color >> 8) & 255) - green) * weight) >> 8
    blue += (((color & 255) - blue) * weight) >> 8
    return red << 16 | green << 8 | blue


@compiled
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
            j, i = canvas.row_tiles[row], canvas.column_tiles[x]
            if canvas.tiles[j, i] != color:
                _open(canvas, j, i)
                canvas.pixels[x, row] = color


@compiled
def _line(canvas: Canvas, x1: int, y1: int, x2: int, y2: int, color: int, first: int, last: int) -> None:
    """Draws a slanted line without its ends, where the filling will not cover it."""
    # No calls inside the loop: handing the arrays on would cost more than mixing a pixel.
    pixels, tiles, spans = canvas.pixels, canvas.tiles, canvas.spans
    row_tiles, column_tiles = canvas.row_tiles, canvas.column_tiles
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
            j, i = row_tiles[row], column_tiles[x]
            if tiles[j, i] == color:
                continue
            if tiles[j, i] != OPEN:
                _open(canvas, j, i)
            # The colour's own opacity of 255/256 takes a little off both shares.
            weight = ((share if far else 255 - share) * 255) >> 8
            pixels[x, row] = _mix(pixels[x, row], color, weight)
