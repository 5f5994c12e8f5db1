"""A 1000x800 picture that keeps only the pixels that anything depends on, and the polygons to paint on it.

Most of it is plain grass or plain road. It is cut into tiles, one for each pixel of the 96x96 frame: the lines that
begin in it. A tile is a single colour for as long as no edge runs through it; then it is opened and gets a slot for
its pixels. A pixel of the frame also averages a part of the line that follows its tile; that line is the next
tile's, so there is one tile more than pixels in each direction.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamgym.envs.car_compile import compiled

WIDTH, HEIGHT = 1000, 800
DASHBOARD_TOP = 700
ANTIALIASED, DRAWN, DASHBOARD = 0, 1, 2
MAX_CORNERS = 8
# A frame's side, the tiles along it, and the room for the pixels of one tile: columns of rows. Lookups are flat and
# their indices unsigned, because numba checks every other index for counting from the end, in each dimension.
CELLS, TILES, COLUMNS, LANES = 96, 97, 12, 16
SLOT = COLUMNS * LANES

Ints = NDArray[np.int32]


class Canvas(NamedTuple):
    """A picture in the making, row 0 at its top.

    Attributes:
        tiles: int32 `[97 * 97]`, row by row: a plain tile's packed colour, `red << 16 | green << 8 | blue`, or
            `-1 - slot` of an open one.
        slots: int32 `[97 * 97 * 12 * 16]`, by slot, column and row: the pixels of open tiles, packed alike.
        homes: int32 `[97 * 97 + 1]`, the slot that each tile has taken in this picture, or -1; then how many are.
        first_rows: int32 `[98]`, the first row of each row of tiles, and the picture's height.
        first_columns: int32 `[98]`, the same for columns.
        row_tiles: int32 `[800]`, the row of tiles in which each row lies.
        column_tiles: int32 `[1000]`, the same for columns.
        counts: int32 `[800]`, scratch: how many edges cross each row.
        crossings: int64 `[8, 800]`, scratch: where.
        left: int32 `[816]`, scratch: the first pixel inside a polygon, by row; 1000 where none is.
        right: int32 `[816]`, scratch: the last one; -1 where none is.
        averages: int32 `[3, 96]`, scratch by column: the average of the next tile's first line, packed; a plain
            colour; and its average.
        lanes: int32 `[16]`, scratch: the averages of a tile's rows, packed.
    """

    tiles: Ints
    slots: Ints
    homes: Ints
    first_rows: Ints
    first_columns: Ints
    row_tiles: Ints
    column_tiles: Ints
    counts: Ints
    crossings: NDArray[np.int64]
    left: Ints
    right: Ints
    averages: Ints
    lanes: Ints


class Polygons(NamedTuple):
    """A list of polygons in the order in which they are painted.

    Attributes:
        corners: int32 `[n, 8, 2]`, x to the right and y *up*, in pixels. No row may cross more than four edges, which
            is what quadrilaterals and convex shapes have at most.
        sizes: int32 `[n]`, how many corners each has.
        colors: int32 `[n]`, packed like a canvas's pixels.
        kinds: int32 `[n]`, `ANTIALIASED` or `DRAWN` (both behind the dashboard), or `DASHBOARD`.
    """

    corners: Ints
    sizes: Ints
    colors: Ints
    kinds: Ints


def new_canvas(first_rows: Ints, first_columns: Ints) -> Canvas:
    """A canvas with tiles of these rows and columns; its memory is touched only as far as tiles are open."""
    homes = np.full(TILES * TILES + 1, -1, np.int32)
    homes[-1] = 0
    return Canvas(
        tiles=np.zeros(TILES * TILES, np.int32),
        slots=np.empty(TILES * TILES * SLOT, np.int32),
        homes=homes,
        first_rows=first_rows,
        first_columns=first_columns,
        row_tiles=_tiles_of(first_rows),
        column_tiles=_tiles_of(first_columns),
        counts=np.zeros(HEIGHT, np.int32),
        crossings=np.empty((MAX_CORNERS, HEIGHT), np.int64),
        left=np.full(HEIGHT + LANES, WIDTH, np.int32),
        right=np.full(HEIGHT + LANES, -1, np.int32),
        averages=np.zeros((3, CELLS), np.int32),
        lanes=np.empty(LANES, np.int32),
    )


def _tiles_of(first: Ints) -> Ints:
    """The tile of each line, int32 `[length]`."""
    return (np.searchsorted(first, np.arange(first[-1]), side="right") - 1).astype(np.int32)


@compiled
def open_tile(tiles: Ints, slots: Ints, homes: Ints, tile: np.uint64) -> None:
    """Gives a plain tile its pixels."""
    # Slots are taken one after the other, so that the pixels of all open tiles stay close together in memory.
    if homes[tile] < 0:
        taken = np.uint64(TILES * TILES)
        homes[tile] = homes[taken]
        homes[taken] += 1
    color, start = tiles[tile], np.uint64(homes[tile] * SLOT)
    tiles[tile] = -1 - homes[tile]
    for k in range(SLOT):
        slots[start + np.uint64(k)] = color
