"""The car whose arithmetic is done on plain numbers; that it drives as the stock one is tested with its env."""

import os

import pytest
from Box2D import b2World
from gymnasium.envs.box2d.car_dynamics import Car

from dreamgym.games.car_racing.physics import ScalarCar


def growth(count):
    """Bytes that the process grows by while so many cars are made and destroyed."""
    world = b2World((0, 0))

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = 0
    for number in range(count + 500):
        if number == 500:
            before = resident()
        ScalarCar(world, 0.0, 0.0, 0.0).destroy()
    assert world.bodyCount == world.jointCount == 0
    return resident() - before


def test_a_car_that_is_gone_leaves_no_memory_behind():
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs Linux's /proc")
    assert growth(4000) < 2e6  # the stock car leaves 10 MB


def test_freed_shapes_are_the_bodies_no_longer():
    world = b2World((0, 0))
    cars = [made(world, 0.3, 5.0, 7.0) for made in (Car, ScalarCar)]
    for _ in range(200):
        ScalarCar(world, 0.0, 0.0, 0.0).destroy()
    stock, scalar = ([fixture.shape.vertices for body in car.drawlist for fixture in body.fixtures] for car in cars)
    assert len(scalar) == 8
    assert stock == scalar
    assert [body.mass for body in cars[0].drawlist] == [body.mass for body in cars[1].drawlist]
    assert cars[1].world is world
