"""Displays for tests: SDL's dummy, and a real X server in memory."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def x_server() -> Iterator[dict[str, str]]:
    """Starts Xvfb; yields the environment of a program that is to be shown on it."""
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; install the packages xvfb and xdotool")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with open(read) as numbers:
            number = numbers.readline().strip()
        yield {"DISPLAY": f":{number}", "SDL_VIDEODRIVER": "x11", "XDG_RUNTIME_DIR": os.environ.get("TMPDIR", "/tmp")}
    finally:
        server.terminate()
        server.wait(10)


class VirtualGamepad:
    """A gamepad that SDL itself makes. pygame has no function for it, so that SDL is called."""

    def __init__(self) -> None:
        maps = Path("/proc/self/maps")
        if not maps.exists():
            pytest.skip("finds SDL's library on Linux only")
        libraries = {line.split()[-1] for line in maps.read_text().splitlines() if "libSDL2-2" in line}
        self._sdl = ctypes.CDLL(libraries.pop())
        self._sdl.SDL_JoystickOpen.restype = ctypes.c_void_p
        self._device = self._sdl.SDL_JoystickAttachVirtual(1, 6, 15, 0)  # type gamepad, axes, buttons, hats
        assert self._device >= 0
        self._joystick = ctypes.c_void_p(self._sdl.SDL_JoystickOpen(self._device))

    def move(self, axis: int, place: float) -> None:
        value = ctypes.c_int16(round(place * 32767))
        assert self._sdl.SDL_JoystickSetVirtualAxis(self._joystick, axis, value) == 0

    def hold(self, button: int, held: bool) -> None:
        assert self._sdl.SDL_JoystickSetVirtualButton(self._joystick, button, ctypes.c_uint8(held)) == 0

    def unplug(self) -> None:
        self._sdl.SDL_JoystickClose(self._joystick)
        self._sdl.SDL_JoystickDetachVirtual(self._device)
