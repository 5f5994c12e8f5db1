"""Without ViZDoom the dream of its game goes on, and the game itself says what is missing."""

import subprocess
import sys

BLOCKED = """
import sys
sys.modules["vizdoom"] = None
"""
GAME = """
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
DREAM = """
import gymnasium, dreamgym
env = gymnasium.make("WorldModelDream-v0", world_model="take-cover", render_mode="rgb_array")
driver = dreamgym.pretrained("take-cover").controller
observation, _ = env.reset(seed=0)
score, over = 0, False
while not over:
    observation, reward, terminated, truncated, _ = env.step(driver(observation))
    score, over = score + reward, terminated or truncated
print(observation.shape, env.action_space, env.render().shape, score > 0)
"""


def _printed(program: str) -> str:
    words = [sys.executable, "-c", BLOCKED + program]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_the_missing_extra_is_named():
    first, second = _printed(GAME).splitlines()
    assert first == "TakeCover-v0 needs vizdoom; install it with: pip install 'dreamgym[doom]'"
    assert second == f"task 'take_cover': cannot make the env 'TakeCover-v0': {first}"


def test_the_dream_that_ships_is_played_to_its_end():
    assert _printed(DREAM) == "(1088,) Discrete(3) (256, 256, 3) True\n"
