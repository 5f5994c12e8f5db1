"""What a session is told, and what becomes of it."""

import numpy as np
import pygame
import pytest

from dreamgym.errors import VideoError
from dreamgym.video.write import Film
from dreamgym.window.canvas import SIZE, Canvas, fit, reading_line, status_line
from dreamgym.window.controls import Command
from dreamgym.window.drive import Drive
from dreamgym.window.hand import Hand
from dreamgym.window.keymap import Axes
from dreamgym.window.readings import Readings
from dreamgym.window.session import LEAST_SPEED, Session
from tests.counting_game import LAST
from tests.video.films import film_size, read


@pytest.fixture
def session(counting, tmp_path):
    hand = Hand(Axes(-np.ones(2), np.ones(2)), 0.1)
    session = Session(Drive(counting, None, 0, "real"), hand, 30.0, tmp_path / "drives")
    yield session
    session.close()


def steps(session):
    return session.scene.readings[0].steps


def test_it_goes_step_by_step_and_obeys_between_decisions(session):
    assert [session.tick() for _ in range(2)] == [True, True]
    session.do(Command.PAUSE)
    assert [session.tick() for _ in range(3)] == [True, False, False]
    assert steps(session) == 3
    session.do(Command.STEP)
    assert [session.tick() for _ in range(4)] == [True, True, True, False]
    assert session.status.paused
    session.do(Command.SWITCH)
    session.tick()
    assert list(session.scene.pictures) == ["dream"]
    session.do(Command.PAUSE)
    assert session.tick()
    assert steps(session) == 3


def test_what_is_over_waits_for_a_new_start(session):
    assert [session.tick() for _ in range(LAST + 1)] == [True] * LAST + [False]
    session.do(Command.ANEW)
    assert session.tick()
    assert steps(session) == 1


def test_slow_motion_halves_and_doubles(session):
    rates = [session.frame_rate]
    for command in [Command.SLOWER] * 4 + [Command.FASTER] * 4:
        session.do(command)
        rates.append(session.frame_rate)
    assert rates == [30, 15, 7.5, 3.75, 3.75, 7.5, 15, 30, 30]
    assert session.frame_rate * LEAST_SPEED == 3.75


def test_a_turn_based_game_waits_for_a_key(session):
    session.wait = True
    assert not session.tick()
    session.hand.press(pygame.K_RIGHT)
    session.hand.release(pygame.K_RIGHT)
    assert [session.tick() for _ in range(4)] == [True, True, True, False]
    assert session.drive.real.rewards == [2.0] * 3, "all the way to the right"


def test_the_help_holds_the_game_and_escape_closes_it_first(session):
    session.do(Command.HELP)
    assert not session.tick()
    session.do(Command.QUIT)
    assert not session.done
    assert session.tick()
    session.do(Command.QUIT)
    assert session.done


def test_what_cannot_be_done_is_said_for_a_while(session):
    session.do(Command.SAVE)
    session.tick()
    assert session.status.notice == "nothing was driven in reality yet; drive there first"
    session.do(Command.WHEEL)
    for _ in range(3):
        session.tick()
    assert "--policy" in session.status.notice
    for _ in range(100):
        session.tick()
    assert not session.status.notice


def test_a_film_has_a_frame_per_step(session):
    canvas = Canvas([])
    session.do(Command.FILM)
    assert session.status.notice.startswith("filming")
    for _ in range(3):
        assert session.tick()
        canvas.draw(session.scene, session.status)
        session.film(canvas.pixels())
    assert not (session.output / "drive-000.mp4").exists(), "a film appears whole"
    session.do(Command.FILM)
    (path,) = session.output.iterdir()
    assert session.status.notice == f"saved {path}"
    assert film_size(path) == SIZE
    assert len(read(path)) == 3
    session.do(Command.FILM)
    session.do(Command.FILM)
    assert session.status.notice == "nothing was filmed"
    session.do(Command.FILM)
    session.film(canvas.pixels())
    second = session.close()
    assert [second.name, len(read(second))] == ["drive-001.mp4", 1]
    assert {path.name for path in session.output.iterdir()} == {"drive-000.mp4", "drive-001.mp4"}


def test_a_film_that_cannot_be_written_is_said(session):
    session.output.parent.mkdir(exist_ok=True)
    session.output.write_text("a file where the folder would be")
    session.do(Command.FILM)
    assert str(session.output) in session.status.notice
    assert not session.filming
    with pytest.raises(VideoError, match=r"expected a name that ends in \.mp4"):
        Film("film.avi", 50)


def test_pictures_fill_their_place_in_proportion():
    assert fit(np.zeros((64, 64, 3), np.uint8), 300, 500).shape == (300, 300, 3)
    assert fit(np.zeros((400, 600, 3), np.uint8), 900, 400).shape == (400, 600, 3)
    assert fit(np.zeros((500, 100, 3), np.uint8), 300, 250).shape == (250, 50, 3)


def test_the_lines_say_everything(session):
    line = reading_line(Readings("dream", 12.34, 56, True, 0.5, 0.25, 0.8), 1.05)
    for words in (
        "dream",
        "τ 1.05",
        "return 12.3",
        "steps 56",
        "M predicts reward +0.50",
        "certainty 80%",
        "0.25 nats",
        "over",
    ):
        assert words in line
    session.do(Command.SLOWER)
    session.do(Command.PAUSE)
    session.do(Command.FILM)
    for _ in range(99):
        session.tick()
    line = status_line(session.status, 49.7)
    for words in ("hand drives", "1/2 speed", "50 frames/s", "paused", "filming", "F1"):
        assert words in line


def test_what_is_shown_is_drawn(session):
    canvas, top = Canvas([("tab", "switch")]), SIZE[1] - 74
    session.tick()
    canvas.draw(session.scene, session.status)
    first = canvas.pixels()
    expected = fit(session.scene.pictures["reality"], SIZE[0], top - 26)
    left = (SIZE[0] - expected.shape[1]) // 2
    np.testing.assert_array_equal(first[26:top, left : left + expected.shape[1]], expected)
    session.tick()
    canvas.draw(session.scene, session.status)
    second = canvas.pixels()
    changed = (second != first).any(axis=2)
    assert changed[26:top].any(), "the picture"
    assert changed[top : top + 28].any(), "the numbers"
    canvas.draw(session.scene, session.status, over="over: n from another start")
    covered = (canvas.pixels() != second).any(axis=2)
    assert covered[top // 2 - 5 : top // 2 + 5, SIZE[0] // 2 - 50 : SIZE[0] // 2 + 50].mean() > 0.9
    assert not covered[: top // 2 - 30].any()
    session.do(Command.HELP)
    canvas.draw(session.scene, session.status)
    assert canvas.pixels()[26:top].mean() < second[26:top].mean() / 3
