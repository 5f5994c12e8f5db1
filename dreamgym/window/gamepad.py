"""The first gamepad that SDL sees, by the names that SDL gives its axes and buttons."""

from typing import Any

import pygame

from dreamgym.window.keymap import Pad

DEAD_ZONE = 0.15  # of a stick's way, in which it is at rest
_WAY = 32767
_STICKS = (
    (pygame.CONTROLLER_AXIS_LEFTX, 1),
    (pygame.CONTROLLER_AXIS_LEFTY, -1),  # SDL counts downwards
    (pygame.CONTROLLER_AXIS_RIGHTX, 1),
    (pygame.CONTROLLER_AXIS_RIGHTY, -1),
)
_TRIGGERS = (pygame.CONTROLLER_AXIS_TRIGGERRIGHT, pygame.CONTROLLER_AXIS_TRIGGERLEFT)
_BUTTON_KEYS = {
    pygame.CONTROLLER_BUTTON_DPAD_LEFT: pygame.K_LEFT,
    pygame.CONTROLLER_BUTTON_DPAD_RIGHT: pygame.K_RIGHT,
    pygame.CONTROLLER_BUTTON_DPAD_UP: pygame.K_UP,
    pygame.CONTROLLER_BUTTON_DPAD_DOWN: pygame.K_DOWN,
    pygame.CONTROLLER_BUTTON_A: pygame.K_SPACE,
}
_HALF = 0.5  # of a stick's way, from which it stands for an arrow key


class Gamepad:
    """Opens gamepads as they are plugged in; the first one counts."""

    def __init__(self) -> None:
        from pygame._sdl2 import controller

        self._sdl = controller
        controller.init()
        self._open: dict[int, Any] = {}
        for index in range(controller.get_count()):
            self.plug(index)

    @property
    def name(self) -> str | None:
        """The gamepad's name; None where there is none."""
        return next((pad.name for pad in self._open.values()), None)

    def plug(self, index: int) -> None:
        """A device came; it may be no gamepad."""
        if self._sdl.is_controller(index):
            pad = self._sdl.Controller(index)
            self._open[pad.as_joystick().get_instance_id()] = pad

    def unplug(self, instance: int) -> None:
        """A device went."""
        self._open.pop(instance, None)

    def read(self) -> Pad:
        """Where its sticks, triggers and buttons are; all at rest where there is none."""
        pad = next(iter(self._open.values()), None)
        if pad is None:
            return Pad()
        signed = tuple(sign * _of_way(pad.get_axis(axis)) for axis, sign in _STICKS)
        triggers = tuple(max(_of_way(pad.get_axis(axis)), 0.0) for axis in _TRIGGERS)
        keys = {key for button, key in _BUTTON_KEYS.items() if pad.get_button(button)}
        keys |= {
            key
            for value, low, high in (
                (signed[0], pygame.K_LEFT, pygame.K_RIGHT),
                (signed[1], pygame.K_DOWN, pygame.K_UP),
            )
            for key in ((low,) if value < -_HALF else (high,) if value > _HALF else ())
        }
        return Pad(signed, triggers, frozenset(keys))

    def close(self) -> None:
        """Lets all gamepads go."""
        self._open.clear()
        self._sdl.quit()


def _of_way(value: int) -> float:
    """A place from -1 to 1, 0 in the dead zone."""
    place = max(value / _WAY, -1.0)
    if abs(place) < DEAD_ZONE:
        return 0.0
    return (abs(place) - DEAD_ZONE) / (1 - DEAD_ZONE) * (1 if place > 0 else -1)
