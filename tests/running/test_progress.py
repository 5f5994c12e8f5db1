import os
import pty

import pytest

from dreamgym.running import progress
from dreamgym.running.progress import Progress, format_score, format_seconds, track


def test_short_work_prints_nothing_without_a_terminal(capsys):
    assert list(track(range(5), 5, "short")) == list(range(5))
    assert capsys.readouterr() == ("", "")


def test_long_work_prints_a_line_now_and_then(capsys, monkeypatch):
    now = iter(range(0, 1000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(now)))
    list(track(range(10), 10, "long"))
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) < 10
    assert lines[0].startswith("long: ")
    assert "remaining" in lines[0]
    assert lines[-1].startswith("long: 10/10")


def test_a_terminal_gets_a_bar(monkeypatch):
    parent, child = pty.openpty()
    with os.fdopen(child, "w") as terminal:
        monkeypatch.setattr(progress.sys, "stderr", terminal)
        with Progress("barred", 3) as bar:
            bar.advance(3)
        terminal.flush()
        shown = b""
        while b"\x1b[?25h" not in shown:  # the cursor comes back last; one read may give only a part
            shown += os.read(parent, 65536)
    os.close(parent)
    shown = shown.decode()
    assert "barred" in shown
    assert "3/3" in shown


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (61, "1:01"), (3723, "1:02:03")])
def test_durations_read_well(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.5625, "0.56"), (-0.001, "0.00"), (-20.54, "-20.5"), (836.4, "836"), (float("nan"), "nan")],
)
def test_small_scores_keep_their_digits(score, text):
    assert format_score(score) == text
