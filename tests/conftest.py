"""What many tests start from."""

import shutil
import signal

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.actions import ActionCodec
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.models.dynamics import MemoryArrays
from dreamgym.models.vision_numpy import array_shapes
from dreamgym.tasks import Task
from dreamgym.world_model import Starts, WorldModel
from tests.tiny_game import TINY_CELL_TASK, TINY_TASK

BROWSER_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
CAR_ACTIONS = gym.spaces.Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))


# A script that starts the suite in the background has it ignore Ctrl-C, and so would the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def random_world_model(task: Task, space: gym.Space, hidden_size: int, seed: int = 0) -> WorldModel:
    """A world model whose V and M hold small random numbers."""
    rng = np.random.default_rng(seed)
    codec = ActionCodec(space)
    z, k, a = task.latent_size, task.n_mixtures, codec.size

    def draw(*shape: int) -> np.ndarray:
        scale = 1 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.1
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    memory = MemoryArrays(
        draw(z + a, 4 * hidden_size),
        draw(hidden_size, 4 * hidden_size),
        draw(4 * hidden_size),
        draw(hidden_size, 3 * k * z + 2),
        np.concatenate([draw(3 * k * z + 1), [-3.0]]).astype(np.float32),
    )
    vision = {name: draw(*shape) for name, shape in array_shapes(z).items()}
    starts = Starts(draw(6, 5, z), draw(6, 5, z), np.stack([codec.encode(space.sample()) for _ in range(24)]))
    h, c = np.tanh(draw(2, 6, hidden_size))
    starts = Starts(starts.mu, starts.logvar, starts.action.reshape(6, 4, a), h, c)
    return WorldModel(task, codec, vision, memory, starts)


@pytest.fixture(scope="session")
def tiny_task() -> Task:
    return TINY_TASK


@pytest.fixture(scope="session")
def tiny_world_model() -> WorldModel:
    return random_world_model(TINY_TASK, gym.spaces.Discrete(3, seed=0), TINY_TASK.hidden_size)


@pytest.fixture(scope="session")
def cell_world_model() -> WorldModel:
    """One whose policies observe ``[z, h, c]``."""
    return random_world_model(TINY_CELL_TASK, gym.spaces.Discrete(3, seed=0), TINY_CELL_TASK.hidden_size)


@pytest.fixture(scope="session")
def tiny_folder(tiny_world_model: WorldModel, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny world model on disk."""
    return str(tiny_world_model.save(tmp_path_factory.mktemp("tiny") / "world_model"))


@pytest.fixture(scope="session")
def car_world_model() -> WorldModel:
    space = ActionCodec(CAR_ACTIONS).space
    space.seed(0)
    return random_world_model(CAR_RACING, space, hidden_size=16)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, driven by Playwright. There must be one per process: its loop runs until the session ends."""
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright, of the extra dreamgym[web]")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs the program chromium, which Debian's package of that name has")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        yield browser
        browser.close()
