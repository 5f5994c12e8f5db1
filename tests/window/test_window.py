"""The window: real key events, posted by SDL or typed into an X server, and what they do to env and picture."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pygame
import pytest

from dreamgym.data.episodes import list_episodes, read_episode
from dreamgym.errors import WindowError
from dreamgym.window.canvas import SIZE
from dreamgym.window.play import make_session
from dreamgym.window.settings import DriveSettings
from dreamgym.window.window import Window
from tests.counting_game import frame_of
from tests.video.films import film_size, read
from tests.window.display import VirtualGamepad, x_server

TOP = SIZE[1] - 74


@pytest.fixture(scope="module")
def display():
    with x_server() as environment:
        yield environment


@pytest.fixture
def open_window(monkeypatch, counting_folder, tmp_path):
    """Opens windows on SDL's dummy display unless told otherwise."""
    windows = []

    def make(environment=None, **settings):
        for name, value in ({"SDL_VIDEODRIVER": "dummy"} if environment is None else environment).items():
            monkeypatch.setenv(name, value)
        settings = {"world_model": counting_folder, "output": tmp_path / "drives"} | settings
        windows.append(Window(make_session(DriveSettings(**settings))))
        windows[-1].turn()
        return windows[-1]

    yield make
    for window in windows:
        window.close()


def post(window, *keys, mod=0, release=True):
    for key in keys:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, mod=mod))
        if release:
            pygame.event.post(pygame.event.Event(pygame.KEYUP, key=key, mod=mod))


def turns(window, n=3):
    """A decision of the counting game by default."""
    for _ in range(n):
        window.turn()


def screen(window):
    return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)


def type_keys(environment, *words):
    """Types into the X server: real events of a keyboard."""
    subprocess.run(["xdotool", *words], env=os.environ | environment, check=True, timeout=20)


def wait_for_title(environment, title):
    """Waits until a window of that title has the keyboard."""
    command = ["xdotool", "getwindowfocus", "getwindowname"]
    for _ in range(600):
        asked = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=20)
        if asked.stdout.strip() == title:
            return
        time.sleep(0.05)
    raise AssertionError(f"no window {title!r}; the last one is {asked.stdout!r}")


def wait_for(window, condition):
    """Turns until the X server's events have come."""
    for _ in range(300):
        window.turn()
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("the key did nothing")


def test_keys_typed_on_a_keyboard_drive_the_game_and_change_the_picture(open_window, display):
    window = open_window(display, view="real", wait=True)
    real, session = window.session.drive.real, window.session
    assert not real.rewards, "it waits for a key"
    before = screen(window)
    type_keys(display, "key", "Right")
    wait_for(window, lambda: len(real.rewards) == 3)
    turns(window)
    assert real.rewards == [2.0] * 3, "one tap is one decision, all the way to the right"
    np.testing.assert_array_equal(session.scene.pictures["reality"], frame_of(3, (1, 0)))
    assert (screen(window) != before)[26:TOP].any()
    type_keys(display, "keydown", "Down")
    wait_for(window, lambda: len(real.rewards) == 9)
    type_keys(display, "keyup", "Down")
    assert real.rewards[-1] == pytest.approx(1.0), "action[1] is -1"
    type_keys(display, "key", "Tab")
    wait_for(window, lambda: session.drive.view == "dream")
    assert list(session.scene.pictures) == ["dream"]
    temperature = session.drive.temperature
    type_keys(display, "key", "plus", "key", "plus", "key", "minus")
    wait_for(window, lambda: session.drive.temperature == pytest.approx(temperature + 0.05))
    type_keys(display, "key", "b")
    wait_for(window, lambda: session.drive.view == "both")
    assert list(session.scene.pictures) == ["reality", "reconstruction", "dream"]
    shown = screen(window)
    assert all(shown[26:TOP, left : left + 300].std() > 1 for left in (15, 330, 645))
    type_keys(display, "key", "F1")
    wait_for(window, lambda: session.helping)
    assert screen(window)[26:TOP].mean() < shown[26:TOP].mean()
    type_keys(display, "key", "Escape", "key", "Escape")
    wait_for(window, lambda: session.done)


def test_posted_keys_do_what_the_help_says(open_window):
    window = open_window(view="real", policy="constant:-1,0")
    drive, session = window.session.drive, window.session
    turns(window, 2)
    assert drive.real.rewards == [0.0] * 3
    post(window, pygame.K_c)
    turns(window)
    assert drive.real.rewards[3:] == [-2.0] * 3, "the policy drives"
    assert session.status.driver == "constant"
    post(window, pygame.K_c, pygame.K_p)
    turns(window, 5)
    assert (len(drive.real.rewards), session.status.driver, session.paused) == (6, "hand", True)
    post(window, pygame.K_UP, release=False)
    post(window, pygame.K_RETURN)
    turns(window, 5)
    assert drive.real.rewards[6:] == [-1.0] * 3, "one step, with the key held"
    post(window, pygame.K_k)
    turns(window, 1)
    (path,) = list_episodes(session.output)
    assert read_episode(path).actions.tolist() == [[0, 0], [-1, 0], [0, 1]]
    seed = drive.real.seed
    post(window, pygame.K_BACKSPACE)
    turns(window, 1)
    assert (drive.real.seed, drive.real.rewards) == (seed, [])
    post(window, pygame.K_n, pygame.K_COMMA, pygame.K_COMMA, pygame.K_PERIOD)
    turns(window, 1)
    assert (drive.real.seed, session.speed) == (seed + 1, 0.5)
    pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    post(window, pygame.K_p)
    turns(window, 6)
    assert drive.real.rewards[3:] == [0.0] * 3, "the key that was held counts no longer"
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert not window.turn()


def test_a_film_of_the_window(open_window):
    window = open_window(view="both")
    turns(window, 2)
    post(window, pygame.K_v)
    turns(window, 4)
    post(window, pygame.K_p)
    turns(window, 6)
    post(window, pygame.K_v)
    turns(window, 1)
    (path,) = window.session.output.iterdir()
    film = read(path)
    assert film_size(path) == SIZE
    assert len(film) == 6, "whole decisions, and none of the pause"
    assert np.abs(film[-1].astype(int) - screen(window))[26:TOP].mean() < 8


def test_a_gamepad_drives_and_commands(open_window):
    window = open_window(view="real")
    pad = VirtualGamepad()
    turns(window, 2)
    assert window._gamepad.name
    pad.move(0, 1.0)
    pad.move(1, 0.6)
    turns(window)
    assert window.session.drive.real.rewards[3:] == pytest.approx([2 + (0.6 - 0.15) / 0.85] * 3, abs=1e-3)
    pad.move(0, 0.1)
    pad.move(1, 0.0)
    turns(window)
    assert window.session.drive.real.rewards[6:] == [0.0] * 3, "in the dead zone; the keys are back at rest"
    pad.hold(pygame.CONTROLLER_BUTTON_Y, True)
    turns(window)
    assert window.session.drive.view == "dream"
    pad.hold(pygame.CONTROLLER_BUTTON_Y, False)
    pad.hold(pygame.CONTROLLER_BUTTON_RIGHTSHOULDER, True)
    turns(window)
    assert window.session.drive.temperature == pytest.approx(1.05)
    pad.hold(pygame.CONTROLLER_BUTTON_DPAD_LEFT, True)
    turns(window, 1)
    assert pygame.K_LEFT in window.session.hand.pad.keys
    pad.unplug()
    turns(window, 1)
    assert window._gamepad.name is None
    assert not window.session.hand.pad.moved


def test_a_window_keeps_the_games_time_and_can_be_resized(open_window):
    window = open_window(view="dream", fps=200.0)
    began = time.monotonic()
    window._due = began
    for _ in range(40):
        window.turn()
        window._sleep()
    assert 0.19 < time.monotonic() - began < 2
    pygame.display.set_mode((480, 400))
    window._screen = pygame.display.get_surface()
    turns(window)
    assert screen(window)[200, 240].any()
    assert not screen(window)[:40].any(), "the picture keeps its proportions"


def test_without_a_display_the_error_says_what_to_do(open_window, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    pygame.display.quit()
    with pytest.raises(WindowError, match=r"xvfb-run.*dreamgym record"):
        open_window({})
    with pytest.raises(WindowError, match="xvfb-run"):
        open_window({"SDL_VIDEODRIVER": "x11"})


@pytest.mark.parametrize("ending", ["escape", "interrupt"])
def test_the_whole_program(display, tiny_folder, tmp_path, ending):
    """The command as people type it, driven by a keyboard only."""
    program = "import tests.tiny_game; from dreamgym.commands import main; main()"
    words = ["play", tiny_folder, "--view", "real", "--wait", "--output", str(tmp_path), "--seed", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        env=os.environ | display,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for_title(display, "dreamgym: tiny_game")
        type_keys(display, "key", "--delay", "300", "v", "1", "k")
        if ending == "escape":
            type_keys(display, "key", "Escape")
        else:
            for _ in range(100):
                if list_episodes(tmp_path):
                    break
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to the encoder of the film too
        output, error = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == (0 if ending == "escape" else 130), error
    assert "Traceback" not in error
    assert output == (f"saved: {tmp_path / 'drive-000.mp4'}\n" if ending == "escape" else "")
    episode = read_episode(tmp_path / "episode-000000.tfrecord")
    assert episode.actions.tolist() == [[0, 1, 0]] * len(episode)
    assert len(read(tmp_path / "drive-000.mp4")) == len(episode)
