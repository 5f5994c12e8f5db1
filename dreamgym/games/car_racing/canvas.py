"""The image that the renderer paints on, stored in tiles, and the polygons that it paints.

The image has 1000x800 pixels and is averaged down to a frame of 96x96. Most of it is large areas of one colour, so it
is cut into tiles, one per frame pixel. A tile stores a single colour until only a part of it is painted. Then it is
opened: it gets a slot, which stores each of its pixels.

A tile starts at the first row and column that its frame pixel reads, and ends where the next tile starts. A frame pixel
can also read the first row and column of the next tiles, so each axis has one tile more than frame pixels.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamgym.games.car_racing.compile import compiled

WIDTH, HEIGHT = 1000, 800
DASHBOARD_TOP = 700
ANTIALIASED, ALIASED, DASHBOARD = 0, 1, 2
MAX_CORNERS = 8
CELLS, TILES = 96, 97  # frame pixels and tiles along each axis
# A slot's columns and rows. A tile has at most 11 columns and 9 rows. A column is added for the next tile's first one,
# and rows to fill a vector register. Arrays are flat and indices unsigned, because numba checks each signed index for
# negative values, in each dimension.
COLUMNS, LANES = 12, 16
SLOT = COLUMNS * LANES

Ints = NDArray[np.int32]
Pair = tuple[int, int]  # a point (x, y) or a range (first, last)


class Canvas(NamedTuple):
    """An image in tiles, with scratch memory. Row 0 is at the top. Colours and averages are packed."""

    tiles: Ints  # (97 * 97,) by row: a tile's colour, red << 16 | green << 8 | blue, or -1 - slot of an open tile
    pixels: Ints  # (97 * 97 * 12 * 16,) by slot, column and row: the colours of open tiles
    slots: Ints  # (97 * 97 + 1,): the slot that each tile has in this image, or -1; then the number of slots in use
    first_rows: Ints  # (98,): the first image row of each row of tiles, then the image's height
    first_columns: Ints  # (98,): the same for columns
    row_tiles: Ints  # (800,): the index of the tile that each image row is in
    column_tiles: Ints  # (1000,): the same for columns
    counts: Ints  # (800,), scratch: the number of edges that cross each row
    crossings: NDArray[np.int64]  # (8, 800), scratch: where they cross it (x in pixels, or 1/65536 if antialiased)
    left: Ints  # (816,), scratch: the first pixel inside a polygon in each row, or 1000
    right: Ints  # (816,), scratch: the last pixel inside it, or -1
    averages: Ints  # (3, 96) by column, scratch: average of first row of tile below; last single colour; its average
    row_averages: Ints  # (16,), scratch: the averages of a tile's rows


class Polygons(NamedTuple):
    """Polygons in painting order, convex ones or quadrilaterals. At most four edges of each may cross a row."""

    corners: Ints  # (n, 8, 2): x (right) and y (*up*) in pixels
    sizes: Ints  # (n,): the number of corners
    colors: Ints  # (n,): packed as in a canvas
    kinds: Ints  # (n,): DASHBOARD, or ANTIALIASED or ALIASED, which leave out the dashboard's rows
    used: Ints  # (1,): the number of polygons in use


def new_canvas(first_rows: Ints, first_columns: Ints) -> Canvas:
    """A black canvas whose tiles start at these rows and columns."""
    return Canvas(
        tiles=np.zeros(TILES * TILES, np.int32),
        # Not initialised, so the system provides memory only for the slots that are used.
        pixels=np.empty(TILES * TILES * SLOT, np.int32),
        slots=np.append(np.full(TILES * TILES, -1, np.int32), np.int32(0)),
        first_rows=first_rows,
        first_columns=first_columns,
        row_tiles=_tile_indices(first_rows),
        column_tiles=_tile_indices(first_columns),
        counts=np.zeros(HEIGHT, np.int32),
        crossings=np.empty((MAX_CORNERS, HEIGHT), np.int64),
        left=np.full(HEIGHT + LANES, WIDTH, np.int32),
        right=np.full(HEIGHT + LANES, -1, np.int32),
        averages=np.zeros((3, CELLS), np.int32),
        row_averages=np.empty(LANES, np.int32),
    )


def _tile_indices(first: Ints) -> Ints:
    return (np.searchsorted(first, np.arange(first[-1]), side="right") - 1).astype(np.int32)


@compiled
def open_tile(tiles: Ints, pixels: Ints, slots: Ints, tile: np.uint64) -> None:
    """Gives a single-coloured tile a slot and fills the slot with its colour."""
    # Slots are numbered in order of use, so that the pixels of open tiles are close together in memory.
    if slots[tile] < 0:
        in_use = np.uint64(TILES * TILES)
        slots[tile] = slots[in_use]
        slots[in_use] += 1
    color, start = tiles[tile], np.uint64(slots[tile] * SLOT)
    tiles[tile] = -1 - slots[tile]
    for k in range(SLOT):
        pixels[start + np.uint64(k)] = color
