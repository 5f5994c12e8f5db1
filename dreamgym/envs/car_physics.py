"""CarRacing's car, its arithmetic done on plain numbers: the same results, bit for bit, in half the time.

Unlike the stock car, it leaves no memory behind when it is gone.
"""

import math
from typing import Any

from gymnasium.envs.box2d.car_dynamics import (
    ENGINE_POWER,
    FRICTION_LIMIT,
    SIZE,
    WHEEL_MOMENT_OF_INERTIA,
    Car,
)

_BRAKE_FORCE = 15
_STIFFNESS = 205000 * SIZE * SIZE


class ScalarCar(Car):
    """A `Car` whose step makes no NumPy scalars and asks the physics engine for as little as it can.

    Args:
        world: A `Box2D.b2World`.
        init_angle: Radians.
        init_x: Metres.
        init_y: Metres.
    """

    def __init__(self, world: Any, init_angle: float, init_x: float, init_y: float):
        super().__init__(_Garage(world), init_angle, init_x, init_y)
        self.world = world

    def roll(self, speed: float) -> None:
        """Sets the car in motion straight ahead, its wheels rolling without slip.

        Args:
            speed: Metres a second; negative is backwards.
        """
        ahead = self.hull.GetWorldVector((0, 1))
        velocity = (ahead[0] * speed, ahead[1] * speed)
        self.hull.linearVelocity = velocity
        for wheel in self.wheels:
            wheel.linearVelocity = velocity
            wheel.omega = speed / wheel.wheel_rad

    def gas(self, gas: float) -> None:
        """Drives the rear wheels; the engine answers gradually to more gas, at once to less.

        Args:
            gas: 0..1, clipped.
        """
        gas = min(max(float(gas), 0.0), 1.0)
        for wheel in self.wheels[2:4]:
            wheel.gas += min(gas - wheel.gas, 0.1)

    def step(self, dt: float) -> None:
        """Steers, drives and brakes the wheels, and applies the tyres' forces.

        Args:
            dt: Seconds.
        """
        for wheel in self.wheels:
            self._steer_wheel(wheel)
            friction_limit, grass = _grip(wheel)
            self._spin_wheel(wheel, dt)
            self._apply_force(wheel, dt, friction_limit, grass)

    def _steer_wheel(self, wheel: Any) -> None:
        joint = wheel.joint
        off = float(wheel.steer) - joint.angle
        speed = min(50.0 * abs(off), 3.0)
        joint.motorSpeed = speed if off > 0 else -speed if off < 0 else 0.0

    def _spin_wheel(self, wheel: Any, dt: float) -> None:
        """Engine and brakes, before the road's own effect."""
        gas, brake, omega = float(wheel.gas), wheel.brake, wheel.omega
        omega += dt * ENGINE_POWER * gas / WHEEL_MOMENT_OF_INERTIA / (abs(omega) + 5.0)
        self.fuel_spent += dt * ENGINE_POWER * gas
        if brake >= 0.9:
            omega = 0
        elif brake > 0:
            force = _BRAKE_FORCE * float(brake)
            if abs(force) > abs(omega):
                force = abs(omega)
            omega += -force if omega > 0 else force if omega < 0 else 0.0
        wheel.omega = omega
        wheel.phase += omega * dt

    def _apply_force(self, wheel: Any, dt: float, friction_limit: float, grass: bool) -> None:
        cos, sin = wheel.GetWorldVector((1, 0))
        vx, vy = wheel.linearVelocity
        forward = -sin * vx + cos * vy
        sideward = cos * vx + sin * vy
        ahead = (-forward + wheel.omega * wheel.wheel_rad) * _STIFFNESS
        aside = -sideward * _STIFFNESS
        force = math.sqrt(ahead * ahead + aside * aside)
        self._leave_trace(wheel, force, friction_limit, grass)
        if force > friction_limit:
            ahead, aside = ahead / force * friction_limit, aside / force * friction_limit
        wheel.omega -= dt * ahead * wheel.wheel_rad / WHEEL_MOMENT_OF_INERTIA
        wheel.ApplyForceToCenter((aside * cos + ahead * -sin, aside * sin + ahead * cos), True)

    def _leave_trace(self, wheel: Any, force: float, friction_limit: float, grass: bool) -> None:
        """Skid marks: not in the observation, but in the pictures for people."""
        if force <= 2.0 * friction_limit:
            wheel.skid_start = None
            wheel.skid_particle = None
            return
        trace = wheel.skid_particle
        if trace and trace.grass == grass and len(trace.poly) < 30:
            trace.poly.append((wheel.position[0], wheel.position[1]))
        elif wheel.skid_start is None:
            wheel.skid_start = wheel.position
        else:
            wheel.skid_particle = self._create_particle(wheel.skid_start, wheel.position, grass)
            wheel.skid_start = None


class _Garage:
    """Builds a car's parts in a world, and frees their shapes.

    A `b2FixtureDef` takes its shape out of Python's hands and never gives it back, although bodies get copies: 2.4 kB
    a stock car, and so for every reset.
    """

    def __init__(self, world: Any):
        self._world = world
        self.CreateJoint = world.CreateJoint

    def CreateDynamicBody(self, *, fixtures: Any, **settings: Any) -> Any:  # noqa: N802 - Box2D's name
        body = self._world.CreateDynamicBody(fixtures=fixtures, **settings)
        for fixture in fixtures if isinstance(fixtures, list) else [fixtures]:
            fixture.shape.thisown = True
        return body


def _grip(wheel: Any) -> tuple[float, bool]:
    """The force that the ground can take, and whether that ground is grass."""
    limit = FRICTION_LIMIT * 0.6
    for tile in wheel.tiles:
        limit = max(limit, FRICTION_LIMIT * tile.road_friction)
    return limit, not wheel.tiles
