"""A 1000x800 picture that keeps only the pixels that anything depends on, and the polygons to paint on it.

Most of it is plain grass or plain road. It is cut into tiles, one for each pixel of
the 96x96 frame: those pixels of the picture that the frame's pixel averages, so that neighbours share a line. A
tile is a single colour for as long as no edge runs through it; then it is opened and gets a slot for its pixels.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1000, 800
DASHBOARD_TOP = 700
ANTIALIASED, DRAWN, DASHBOARD = 0, 1, 2
MAX_CORNERS = 8
# A frame's side, and the room for the pixels of one tile: columns of rows. Lookups are flat and their indices
# unsigned, because numba checks every other index for counting from the end, in each dimension.
TILES, COLUMNS, LANES = 96, 12, 16
SLOT = COLUMNS * LANES

Ints = NDArray[np.int32]


class Canvas(NamedTuple):
    """A picture in the making, row 0 at its top.

    Attributes:
        tiles: int32 `[96 * 96]`, row by row: a plain tile's packed colour, `red << 16 | green << 8 | blue`, or
            `-1 - slot` of an open one.
        slots: int32 `[9216 * 12 * 16]`, by slot, column and row: the pixels of open tiles, packed alike.
        used: int32 `[1]`, how many slots are taken.
        first_rows: int32 `[96]`, the first row of each row of tiles.
        last_rows: int32 `[96]`, the last one, which may be the next tile's first one too.
        first_columns: int32 `[96]`, the same for columns.
        last_columns: int32 `[96]`, the same for columns.
        row_tiles: int32 `[800, 2]`, the first and the last tile in which each row lies.
        column_tiles: int32 `[1000, 2]`, the same for columns.
        crossings: int64 `[800, 9]`, scratch: how many edges cross each row, and where.
        spans: int32 `[800, 4]`, scratch: first and last pixel of the one or two runs inside a polygon, by row.
    """

    tiles: Ints
    slots: Ints
    used: Ints
    first_rows: Ints
    last_rows: Ints
    first_columns: Ints
    last_columns: Ints
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


def new_canvas(first_rows: Ints, last_rows: Ints, first_columns: Ints, last_columns: Ints) -> Canvas:
    """A canvas with tiles of these rows and columns; its memory is touched only as far as tiles are open."""
    return Canvas(
        tiles=np.zeros(TILES * TILES, np.int32),
        slots=np.empty(TILES * TILES * SLOT, np.int32),
        used=np.zeros(1, np.int32),
        first_rows=first_rows,
        last_rows=last_rows,
        first_columns=first_columns,
        last_columns=last_columns,
        row_tiles=_tiles_of(HEIGHT, first_rows, last_rows),
        column_tiles=_tiles_of(WIDTH, first_columns, last_columns),
        crossings=np.empty((HEIGHT, MAX_CORNERS + 1), np.int64),
        spans=np.empty((HEIGHT, 4), np.int32),
    )


def _tiles_of(length: int, first: Ints, last: Ints) -> Ints:
    """First and last tile of each line, int32 `[length, 2]`."""
    lines = np.arange(length)
    tiles = np.searchsorted(last, lines, side="left"), np.searchsorted(first, lines, side="right") - 1
    return np.ascontiguousarray(np.stack(tiles, axis=1), dtype=np.int32)
