"""Without ViZDoom the dream of its game goes on, and the game itself says what is missing."""

import subprocess
import sys

BLOCKED = """
import sys
sys.modules["vizdoom"] = None
import gymnasium, dreamgym
try:
    gymnasium.make("TakeCover-v0")
except gymnasium.error.DependencyNotInstalled as error:
    print(error)
task = dreamgym.get_task("take_cover")
try:
    task.make_env()
except dreamgym.errors.TaskError as error:
    print(error)
"""


def test_the_missing_extra_is_named():
    shown = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True).stdout
    first, second = shown.splitlines()
    assert first == "TakeCover-v0 needs vizdoom; install it with: pip install 'dreamgym[doom]'"
    assert second == f"task 'take_cover': cannot make the env 'TakeCover-v0': {first}"
