"""Old gym, in a process of its own: importing it prints a notice and drags in what it deprecates."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gym") is None, reason="needs the extra dreamgym[gym]")

ROOT = Path(__file__).parents[2]


def run(program: str, *arguments: object) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


SINGLE = """
import sys
import gym, numpy as np
import tests.tiny_game

folder = sys.argv[1]
for env_id in ("WorldModelDream-v0", "WorldModelLatent-v0"):
    env = gym.make(env_id, world_model=folder, render_mode="rgb_array")
    assert isinstance(env.observation_space, gym.spaces.Box), env.observation_space
    assert isinstance(env.action_space, gym.spaces.Discrete) and env.action_space.n == 3
    first, info = env.reset(seed=3)
    assert env.observation_space.contains(first)
    played = [env.step(1) for _ in range(3)]
    observation, reward, terminated, truncated, info = played[-1]
    assert env.observation_space.contains(observation)
    assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
    assert env.render().dtype == np.uint8 and env.render().ndim == 3
    again, _ = env.reset(seed=3)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(env.step(1)[0], played[0][0])
    env.close()
assert "tensorflow" not in sys.modules
print("played")
"""

WRAPPED = """
import sys
import gym, numpy as np
import tests.tiny_game
from gym.wrappers import FlattenObservation, RecordEpisodeStatistics, TransformReward

folder = sys.argv[1]
env = FlattenObservation(gym.make("WorldModelDream-v0", world_model=folder, temperature=0.5))
env = TransformReward(RecordEpisodeStatistics(env), lambda reward: 2 * reward)
observation, _ = env.reset(seed=0, options={"start": 2})
assert observation.shape == (12,) and env.observation_space.shape == (12,)
over = False
while not over:
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    over = terminated or truncated
assert info["episode"]["l"] <= 20 and info["start"] == 2

envs = gym.vector.make("WorldModelDream-v0", num_envs=3, asynchronous=False, world_model=folder)
observations, infos = envs.reset(seed=5)
single = gym.make("WorldModelDream-v0", world_model=folder)
np.testing.assert_array_equal(observations[1], single.reset(seed=6)[0])
for _ in range(25):
    observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
    assert observations.shape == (3, 12) and envs.observation_space.contains(observations)
envs.close()
print("played")
"""

CAR = """
import sys
import gym, numpy as np
env = gym.make("WorldModelDream-v0", world_model=sys.argv[1])
assert env.action_space.low.tolist() == [-1, 0, 0] and env.action_space.dtype == np.float32
env.reset(seed=0)
env.step(env.action_space.sample())
try:
    env.step(np.array([np.nan, 0, 0]))
except ValueError as error:
    print(error)
"""

COPIED = """
import copy, pickle, sys
import cloudpickle, gym, numpy as np
import tests.tiny_game
from dreamgym.envs.legacy_gym import make_dream, make_latent

def equal(one, other):
    return np.array_equal(one[0], other[0]) and one[1:] == other[1:]

folder = sys.argv[1]
makers = [make_dream, make_latent]
makers += [lambda i=i, **kwargs: gym.make(i, **kwargs) for i in ("WorldModelDream-v0", "WorldModelLatent-v0")]
for k, make in enumerate(makers):
    env = make(world_model=folder)
    env.reset(seed=3)
    env.step(1)
    copies = [copy.deepcopy(env), pickle.loads(pickle.dumps(env)), pickle.loads(cloudpickle.dumps(env))]
    copies += [copy.copy(env)] * (k < 2)
    expected = [env.step(1) for _ in range(2)]
    for twin in copies:
        assert twin.action_space == env.action_space and twin.spec == env.spec
        assert all(equal(twin.step(1), step) for step in expected)
print("copied")
"""


@pytest.fixture
def folder(tiny_world_model, tmp_path):
    return tiny_world_model.save(tmp_path / "world_model")


def test_gym_makes_the_dream_and_the_latent_env_with_its_own_spaces(folder):
    assert run(SINGLE, folder) == "played\n"


def test_its_wrappers_and_vector_envs_work(folder):
    assert run(WRAPPED, folder) == "played\n"


def test_its_copies_go_on_where_it_is(folder):
    assert run(COPIED, folder) == "copied\n"


def test_a_box_of_actions_keeps_its_bounds_and_its_errors(car_world_model, tmp_path):
    assert "holds NaN" in run(CAR, car_world_model.save(tmp_path / "car"))


def test_importing_the_module_first_registers_too():
    program = "import dreamgym.envs.legacy_gym, gym; print(gym.spec('WorldModelDream-v0').disable_env_checker)"
    assert run(program) == "True\n"
