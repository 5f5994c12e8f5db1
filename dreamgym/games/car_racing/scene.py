"""Turns the state of a CarRacing env into polygons in pixels: field, grass, road, car and dashboard."""

import math
from typing import Any, NamedTuple

import numpy as np
from gymnasium.envs.box2d import car_dynamics, car_racing as stock
from numpy.typing import NDArray

from dreamgym.games.car_racing.canvas import ALIASED, ANTIALIASED, DASHBOARD, HEIGHT, MAX_CORNERS, WIDTH, Ints, Polygons
from dreamgym.games.car_racing.compile import compiled

Floats = NDArray[np.float64]

_HULL = 4
_WHEEL_WIDTH = car_dynamics.WHEEL_W * car_dynamics.SIZE
_UNIT_X, _UNIT_Y = WIDTH / 40.0, HEIGHT / 40.0


class Ground(NamedTuple):
    """Field and track of one episode. Lengths are in metres."""

    grass: Floats  # (401, 4, 2): the field and the lighter patches on it
    road: Floats  # (n, 4, 2): tiles and borders in painting order
    colors: Floats  # (401 + n, 3) in 0..255: grass, then road. The env's tiles share it: a touched tile changes colour


class CarShapes(NamedTuple):
    """The car's convex polygons in painting order, in the coordinates of their bodies."""

    corners: NDArray[np.float32]  # (8, 8, 2), in metres
    sizes: Ints  # (8,): the number of corners
    bodies: Ints  # (8,): the body, 0..3 for a wheel and 4 for the hull
    colors: Ints  # (5,): the packed colour of each body
    stripe: NDArray[np.float32]  # (4, 2), scratch: the grey stripe on a wheel


class State(NamedTuple):
    """What changes at each step. A phase is the angle that a wheel has rolled, and 0 for the hull."""

    poses: Floats  # (5, 5) by body: x and y in metres, the cosine and sine of its angle, and its phase
    gauges: Floats  # (7,): speed, the wheels' four angular velocities, steering angle, the hull's angular velocity
    camera: Floats  # (5,): pixels per metre, the image's rotation (cosine, sine), the world's origin in pixels (y up)


def new_polygons(n_road: int) -> Polygons:
    """Memory for the polygons of a scene with ``n_road`` tiles and borders."""
    n = 1 + 20 * 20 + n_road + 32  # field, patches, road, car and dashboard
    sizes, colors, kinds = np.zeros((3, n), np.int32)
    return Polygons(np.zeros((n, MAX_CORNERS, 2), np.int32), sizes, colors, kinds, np.zeros(1, np.int32))


def read_ground(env: Any) -> Ground:
    """Reads a new track, and replaces the colours of the env's tiles by views of the result's ``colors``."""
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
    return Ground(np.array(grass), np.array([corners for corners, _ in env.road_poly]), colors)


def read_shapes(car: Any) -> CarShapes:
    """Reads the polygons of a new car. Their corners keep Box2D's order."""
    shapes = [(k, fixture.shape.vertices) for k, body in enumerate(car.drawlist) for fixture in body.fixtures]
    corners = np.zeros((len(shapes), MAX_CORNERS, 2), np.float32)
    for k, (_, vertices) in enumerate(shapes):
        corners[k, : len(vertices)] = vertices
    sizes = np.array([len(vertices) for _, vertices in shapes], np.int32)
    bodies = np.array([body for body, _ in shapes], np.int32)
    channels = [[int(channel * 255) for channel in body.color] for body in car.drawlist]
    colors = np.array([red << 16 | green << 8 | blue for red, green, blue in channels], np.int32)
    return CarShapes(corners, sizes, bodies, colors, np.empty((4, 2), np.float32))


def read_car(car: Any, state: State) -> None:
    """Writes the car's poses and gauges into ``state``."""
    numbers: list[float] = []
    for body, phase in zip(car.drawlist, [*(wheel.phase for wheel in car.wheels), 0.0], strict=True):
        x, y = body.position
        cos, sin = body.GetWorldVector((1, 0))  # one call of Box2D for both
        numbers += (x, y, cos, sin, phase)
    state.poses.reshape(-1)[:] = numbers
    x, y = car.hull.linearVelocity
    omegas = [wheel.omega for wheel in car.wheels]
    state.gauges[:] = (math.sqrt(x * x + y * y), *omegas, car.wheels[0].joint.angle, car.hull.angularVelocity)


@compiled
def place_polygons(polygons: Polygons, ground: Ground, shapes: CarShapes, state: State) -> None:
    """Writes the visible polygons of the scene into ``polygons``, in painting order."""
    poses, camera, n_grass = state.poses, state.camera, len(ground.grass)
    reach = stock.MAX_SHAPE_DIM / (stock.ZOOM * stock.SCALE)
    polygons.used[0] = 0
    _place_quads(polygons, ground.grass[:1], ground.colors, camera, 4 * stock.PLAYFIELD)
    _place_quads(polygons, ground.grass[1:], ground.colors[1:], camera, reach)
    _place_quads(polygons, ground.road, ground.colors[n_grass:], camera, reach)
    for k in range(len(shapes.sizes)):
        body = shapes.bodies[k]
        _place_shape(polygons, shapes.corners[k, : shapes.sizes[k]], shapes.colors[body], poses[body], camera)
        if body != _HULL:
            _place_stripe(polygons, shapes.stripe, poses[body], camera)
    _place_dashboard(polygons, state.gauges)


@compiled
def _place_quads(polygons: Polygons, quads: Floats, colors: Floats, camera: Floats, reach: float) -> None:
    """Adds the quadrilaterals whose bounding boxes overlap the image. None is longer than ``reach`` metres."""
    corners, count = polygons.corners, polygons.used[0]
    margin = reach * camera[0] + 2
    for i in range(len(quads)):
        left, right, low, high = WIDTH, -1, HEIGHT, -1
        for k in range(4):
            x, y = _project(quads[i, k, 0], quads[i, k, 1], camera)
            # The first corner alone shows that most quadrilaterals are outside.
            if k == 0 and (x < -margin or x > WIDTH + margin or y < -margin or y > HEIGHT + margin):
                break
            corners[count, k, 0], corners[count, k, 1] = x, y
            left, right, low, high = min(left, x), max(right, x), min(low, y), max(high, y)
        if right >= 0 and left < WIDTH and high >= 0 and low < HEIGHT:
            polygons.sizes[count], polygons.kinds[count] = 4, ANTIALIASED
            polygons.colors[count] = int(colors[i, 0]) << 16 | int(colors[i, 1]) << 8 | int(colors[i, 2])
            count += 1
    polygons.used[0] = count


@compiled
def _project(x: float, y: float, camera: Floats) -> tuple[int, int]:
    """World to pixel coordinates, truncated, y up."""
    px = (x * camera[1] - y * camera[2]) * camera[0] + camera[3]
    py = (x * camera[2] + y * camera[1]) * camera[0] + camera[4]
    return int(px), int(py)


@compiled
def _place_shape(polygons: Polygons, shape: NDArray[np.float32], color: int, pose: Floats, camera: Floats) -> None:
    """Adds a polygon given in body coordinates. Body to world is in single precision, as in Box2D."""
    count = polygons.used[0]
    px, py, cos, sin = np.float32(pose[0]), np.float32(pose[1]), np.float32(pose[2]), np.float32(pose[3])
    for k in range(len(shape)):
        local_x, local_y = shape[k, 0], shape[k, 1]
        world_x = np.float32(cos * local_x - sin * local_y) + px
        world_y = np.float32(sin * local_x + cos * local_y) + py
        x, y = _project(np.float64(world_x), np.float64(world_y), camera)
        polygons.corners[count, k, 0], polygons.corners[count, k, 1] = x, y
    polygons.sizes[count], polygons.kinds[count], polygons.colors[count] = len(shape), ALIASED, color
    polygons.used[0] = count + 1


@compiled
def _place_stripe(polygons: Polygons, stripe: NDArray[np.float32], pose: Floats, camera: Floats) -> None:
    """Adds the grey stripe that shows how far a wheel has rolled, if it is visible."""
    sin1, sin2 = np.sin(pose[4]), np.sin(pose[4] + 1.2)
    cos1, cos2 = np.cos(pose[4]), np.cos(pose[4] + 1.2)
    if sin1 > 0 and sin2 > 0:
        return
    cos1 = np.sign(cos1) if sin1 > 0 else cos1
    cos2 = np.sign(cos2) if sin2 > 0 else cos2
    stripe[0, 0] = stripe[3, 0] = -_WHEEL_WIDTH
    stripe[1, 0] = stripe[2, 0] = _WHEEL_WIDTH
    stripe[:2, 1] = car_dynamics.WHEEL_R * cos1 * car_dynamics.SIZE
    stripe[2:, 1] = car_dynamics.WHEEL_R * cos2 * car_dynamics.SIZE
    _place_shape(polygons, stripe, 77 << 16 | 77 << 8 | 77, pose, camera)


@compiled
def _place_dashboard(polygons: Polygons, gauges: Floats) -> None:
    """Adds the black background and the gauges that are not about zero."""
    bottom = HEIGHT - _UNIT_Y
    _place_bar(polygons, (0.0, HEIGHT - 5 * _UNIT_Y, WIDTH, HEIGHT), 0)
    scales = (0.02, 0.01, 0.01, 0.01, 0.01)
    positions = (5, 7, 8, 9, 10)
    colors = (0xFFFFFF, 0x0000FF, 0x0000FF, 0x3300FF, 0x3300FF)
    for k in range(5):
        if abs(gauges[k]) > 1e-4:
            left, right = positions[k] * _UNIT_X, (positions[k] + 1) * _UNIT_X
            top = HEIGHT - (_UNIT_Y + _UNIT_Y * (scales[k] * gauges[k]))
            _place_bar(polygons, (left, top, right, bottom), colors[k])
    top, low = HEIGHT - 4 * _UNIT_Y, HEIGHT - 2 * _UNIT_Y
    if abs(gauges[5]) > 1e-4:
        _place_bar(polygons, (20 * _UNIT_X, top, (20 + -10.0 * gauges[5]) * _UNIT_X, low), 0x00FF00)
    if abs(gauges[6]) > 1e-4:
        _place_bar(polygons, (30 * _UNIT_X, top, (30 + -0.8 * gauges[6]) * _UNIT_X, low), 0xFF0000)


@compiled
def _place_bar(polygons: Polygons, box: tuple[float, float, float, float], color: int) -> None:
    """Adds the rectangle between ``(left, top, right, bottom)``, y down."""
    count = polygons.used[0]
    left, top, right, bottom = int(box[0]), HEIGHT - 1 - int(box[1]), int(box[2]), HEIGHT - 1 - int(box[3])
    corners = polygons.corners[count]
    corners[0, 0], corners[0, 1], corners[1, 0], corners[1, 1] = left, top, right, top
    corners[2, 0], corners[2, 1], corners[3, 0], corners[3, 1] = right, bottom, left, bottom
    polygons.sizes[count], polygons.kinds[count], polygons.colors[count] = 4, DASHBOARD, color
    polygons.used[0] = count + 1
