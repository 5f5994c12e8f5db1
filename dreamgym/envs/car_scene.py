"""Places what CarRacing shows in the picture: field, grass, road, car and dashboard, as polygons in pixels."""

import math
from typing import Any, NamedTuple

import numpy as np
from gymnasium.envs.box2d import car_dynamics
from gymnasium.envs.box2d import car_racing as stock
from numpy.typing import NDArray

from dreamgym.envs.car_canvas import ANTIALIASED, DASHBOARD, DRAWN, HEIGHT, MAX_CORNERS, WIDTH, Polygons
from dreamgym.envs.car_compile import compiled

Floats = NDArray[np.float64]

_BODIES = 5
_WHEEL_WIDTH = car_dynamics.WHEEL_W * car_dynamics.SIZE
_WHEEL_RADIUS = car_dynamics.WHEEL_R * car_dynamics.SIZE
_UNIT_X, _UNIT_Y = WIDTH / 40.0, HEIGHT / 40.0
_PATCHES = 20 * 20


class Land(NamedTuple):
    """What stays where it is for a whole episode.

    Attributes:
        grass: float64 `[401, 4, 2]`, the field and its patches, in metres.
        road: float64 `[n, 4, 2]`, tiles and borders in the order in which they are painted.
        colors: float64 `[401 + n, 3]`, 0..255; tiles change theirs when a wheel touches them.
    """

    grass: Floats
    road: Floats
    colors: Floats


class Chassis(NamedTuple):
    """The car's shapes in its bodies' own coordinates, in the order in which they are painted.

    Attributes:
        shapes: float32 `[n, 8, 2]`, metres.
        sizes: int32 `[n]`, how many corners each has.
        bodies: int32 `[n]`, whose shape it is: wheels 0..3, hull 4.
        colors: int32 `[5]`, each body's colour, packed.
        mark: float32 `[4, 2]`, scratch: the grey stripe on a wheel, metres.
    """

    shapes: NDArray[np.float32]
    sizes: NDArray[np.int32]
    bodies: NDArray[np.int32]
    colors: NDArray[np.int32]
    mark: NDArray[np.float32]


def new_polygons(road: int) -> Polygons:
    """Room for every polygon of a scene with `road` tiles and borders."""
    n = 1 + _PATCHES + road + 32
    return Polygons(
        np.zeros((n, MAX_CORNERS, 2), np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
    )


def land(env: Any) -> Land:
    """Takes over a new track's geometry and makes its tiles share their colours with the result."""
    field, patch = stock.PLAYFIELD, stock.GRASS_DIM
    grass = [[(field, field), (field, -field), (-field, -field), (-field, field)]]
    for x in range(-20, 20, 2):
        for y in range(-20, 20, 2):
            left, right, low, high = patch * x + 0, patch * x + patch, patch * y + 0, patch * y + patch
            grass.append([(right, low), (left, low), (left, high), (right, high)])
    colors = np.empty((len(grass) + len(env.road_poly), 3))
    colors[0], colors[1 : len(grass)] = env.bg_color, env.grass_color
    road: list[Any] = env.road or []
    tiles = {id(tile.color): tile for tile in road}
    for k, (corners, color) in enumerate(env.road_poly):
        view = colors[len(grass) + k]
        view[:] = color
        if id(color) in tiles:
            tiles[id(color)].color = view
            env.road_poly[k] = (corners, view)
    return Land(np.array(grass), np.array([corners for corners, _ in env.road_poly]), colors)


def chassis(car: Any) -> Chassis:
    """Reads the car's shapes, their corners in the physics engine's own order."""
    shapes, sizes, bodies, colors = [], [], [], []
    for k, body in enumerate(car.drawlist):
        red, green, blue = (int(part * 255) for part in body.color)
        colors.append(red << 16 | green << 8 | blue)
        for fixture in body.fixtures:
            corners = np.zeros((MAX_CORNERS, 2), np.float32)
            vertices = fixture.shape.vertices
            corners[: len(vertices)] = vertices
            shapes.append(corners)
            sizes.append(len(vertices))
            bodies.append(k)
    as_ints = [np.array(part, np.int32) for part in (sizes, bodies, colors)]
    return Chassis(np.array(shapes), as_ints[0], as_ints[1], as_ints[2], np.empty((4, 2), np.float32))


def pose(car: Any, poses: Floats) -> None:
    """Writes where the car's bodies are, float64 `[5, 5]`: x, y, cosine, sine of the heading, the wheel's turn."""
    numbers: list[float] = []
    for body, phase in zip(car.drawlist, [*(wheel.phase for wheel in car.wheels), 0.0], strict=True):
        x, y = body.position
        cos, sin = body.GetWorldVector((1, 0))  # one call of the physics engine for both
        numbers += (x, y, cos, sin, phase)
    poses.reshape(-1)[:] = numbers


def gauges(car: Any, values: Floats) -> None:
    """Writes what the dashboard shows, float64 `[7]`: speed, the wheels' turning, steering, the hull's turning."""
    x, y = car.hull.linearVelocity
    turning = [wheel.omega for wheel in car.wheels]
    values[:] = (math.sqrt(x * x + y * y), *turning, car.wheels[0].joint.angle, car.hull.angularVelocity)


@compiled
def place(polygons: Polygons, land: Land, chassis: Chassis, poses: Floats, values: Floats, camera: Floats) -> int:
    """Fills in the polygons that can be seen, in the order in which they are painted.

    Args:
        polygons: Overwritten.
        land: Field and road.
        chassis: The car's shapes.
        poses: float64 `[5, 5]`, see `pose`.
        values: float64 `[7]`, see `gauges`.
        camera: float64 `[5]`: pixels a metre, cosine and sine of the picture's turn, and the world's origin in it.

    Returns:
        How many there are.
    """
    ground = len(land.grass)
    reach = stock.MAX_SHAPE_DIM / (stock.ZOOM * stock.SCALE)
    count = _place_quads(polygons, 0, land.grass[:1], land.colors, camera, 4 * stock.PLAYFIELD)
    count = _place_quads(polygons, count, land.grass[1:], land.colors[1:], camera, reach)
    count = _place_quads(polygons, count, land.road, land.colors[ground:], camera, reach)
    for k in range(len(chassis.sizes)):
        body = chassis.bodies[k]
        color = chassis.colors[body]
        count = _place_shape(polygons, count, chassis.shapes[k], chassis.sizes[k], poses[body], color, camera)
        if body < _BODIES - 1:
            count = _place_mark(polygons, count, chassis.mark, poses[body], camera)
    return _place_dashboard(polygons, count, values)


@compiled
def _place_quads(polygons: Polygons, count: int, quads: Floats, colors: Floats, camera: Floats, reach: float) -> int:
    """Adds those quads, at most `reach` metres long, that can be seen."""
    corners = polygons.corners
    margin = reach * camera[0] + 2
    for i in range(len(quads)):
        left, right, low, high = WIDTH, -1, HEIGHT, -1
        for k in range(4):
            x, y = _project(quads[i, k, 0], quads[i, k, 1], camera)
            # Most are out of sight by so much that their first corner tells.
            if k == 0 and (x < -margin or x > WIDTH + margin or y < -margin or y > HEIGHT + margin):
                break
            corners[count, k, 0], corners[count, k, 1] = x, y
            left, right, low, high = min(left, x), max(right, x), min(low, y), max(high, y)
        if right >= 0 and left < WIDTH and high >= 0 and low < HEIGHT:
            polygons.sizes[count], polygons.kinds[count] = 4, ANTIALIASED
            polygons.colors[count] = int(colors[i, 0]) << 16 | int(colors[i, 1]) << 8 | int(colors[i, 2])
            count += 1
    return count


@compiled
def _project(x: float, y: float, camera: Floats) -> tuple[int, int]:
    """World to pixels, cut towards zero."""
    across = (x * camera[1] - y * camera[2]) * camera[0] + camera[3]
    up = (x * camera[2] + y * camera[1]) * camera[0] + camera[4]
    return int(across), int(up)


@compiled
def _place_shape(
    polygons: Polygons,
    count: int,
    shape: NDArray[np.float32],
    size: int,
    pose: Floats,
    color: int,
    camera: Floats,
) -> int:
    """Body to world in single precision, as the physics engine does it, then world to pixels."""
    px, py, cos, sin = np.float32(pose[0]), np.float32(pose[1]), np.float32(pose[2]), np.float32(pose[3])
    for k in range(size):
        local_x, local_y = shape[k, 0], shape[k, 1]
        world_x = np.float32(cos * local_x - sin * local_y) + px
        world_y = np.float32(sin * local_x + cos * local_y) + py
        x, y = _project(np.float64(world_x), np.float64(world_y), camera)
        polygons.corners[count, k, 0], polygons.corners[count, k, 1] = x, y
    polygons.sizes[count], polygons.kinds[count], polygons.colors[count] = size, DRAWN, color
    return count + 1


@compiled
def _place_mark(polygons: Polygons, count: int, stripe: NDArray[np.float32], pose: Floats, camera: Floats) -> int:
    """The grey stripe that shows how far a wheel has turned, as long as it is on the wheel's upper side."""
    sin1, sin2 = np.sin(pose[4]), np.sin(pose[4] + 1.2)
    cos1, cos2 = np.cos(pose[4]), np.cos(pose[4] + 1.2)
    if sin1 > 0 and sin2 > 0:
        return count
    if sin1 > 0:
        cos1 = np.sign(cos1)
    if sin2 > 0:
        cos2 = np.sign(cos2)
    stripe[0, 0], stripe[1, 0], stripe[2, 0], stripe[3, 0] = (
        -_WHEEL_WIDTH,
        _WHEEL_WIDTH,
        _WHEEL_WIDTH,
        -_WHEEL_WIDTH,
    )
    stripe[:2, 1] = car_dynamics.WHEEL_R * cos1 * car_dynamics.SIZE
    stripe[2:, 1] = car_dynamics.WHEEL_R * cos2 * car_dynamics.SIZE
    return _place_shape(polygons, count, stripe, 4, pose, 77 << 16 | 77 << 8 | 77, camera)


@compiled
def _place_dashboard(polygons: Polygons, count: int, values: Floats) -> int:
    bottom = HEIGHT - _UNIT_Y
    count = _place_bar(polygons, count, 0, HEIGHT - 5 * _UNIT_Y, WIDTH, HEIGHT, 0)
    scales = (0.02, 0.01, 0.01, 0.01, 0.01)
    places = (5, 7, 8, 9, 10)
    colors = (0xFFFFFF, 0x0000FF, 0x0000FF, 0x3300FF, 0x3300FF)
    for k in range(5):
        if abs(values[k]) > 1e-4:
            left, right = places[k] * _UNIT_X, (places[k] + 1) * _UNIT_X
            high = HEIGHT - (_UNIT_Y + _UNIT_Y * (scales[k] * values[k]))
            count = _place_bar(polygons, count, left, high, right, bottom, colors[k])
    top, low = HEIGHT - 4 * _UNIT_Y, HEIGHT - 2 * _UNIT_Y
    if abs(values[5]) > 1e-4:
        right = (20 + -10.0 * values[5]) * _UNIT_X
        count = _place_bar(polygons, count, 20 * _UNIT_X, top, right, low, 0x00FF00)
    if abs(values[6]) > 1e-4:
        right = (30 + -0.8 * values[6]) * _UNIT_X
        count = _place_bar(polygons, count, 30 * _UNIT_X, top, right, low, 0xFF0000)
    return count


@compiled
def _place_bar(polygons: Polygons, count: int, left: float, top: float, right: float, bottom: float, color: int) -> int:
    """An upright rectangle; the dashboard is drawn with y down, a polygon has y up."""
    corners = polygons.corners[count]
    corners[0, 0], corners[0, 1] = int(left), HEIGHT - 1 - int(top)
    corners[1, 0], corners[1, 1] = int(right), HEIGHT - 1 - int(top)
    corners[2, 0], corners[2, 1] = int(right), HEIGHT - 1 - int(bottom)
    corners[3, 0], corners[3, 1] = int(left), HEIGHT - 1 - int(bottom)
    polygons.sizes[count], polygons.kinds[count], polygons.colors[count] = 4, DASHBOARD, color
    return count + 1
