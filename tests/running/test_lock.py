"""A lock on a folder: the second one is told, and a dead process holds nothing."""

import subprocess
import sys
import time

import pytest

from dreamgym.errors import ExperimentError
from dreamgym.running.lock import locked

HOLD = """
import sys, time
from dreamgym.running.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_is_taken_once_and_given_back(tmp_path):
    with (
        locked(tmp_path / "new"),
        pytest.raises(ExperimentError, match="another command is at work"),
        locked(tmp_path / "new"),
    ):
        pass
    with locked(tmp_path / "new"):
        pass


def test_a_lock_dies_with_its_process(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ExperimentError, match=f"process {holder.pid}"), locked(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            with locked(tmp_path):
                return
        except ExperimentError:
            time.sleep(0.05)
    pytest.fail("the lock outlived its process")
