"""How fast the dream is: one, a batch, a population; and the matrix products that it is made of."""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gymnasium as gym
import numpy as np

from agents.search import CmaSearch
from dreamgym import WorldModel, imagine, linear_policy
from dreamgym.actions import ActionCodec
from dreamgym.dynamics import MemoryArrays
from dreamgym.tasks import CAR_RACING
from dreamgym.world_model import Starts
from scripts.benchmarks.measure import Measure

BATCHES = (1, 16, 64, 256, 1024, 4096)
CANDIDATES, DREAMS = 64, 16
BLOCK = 64  # steps of a burst: a whole block of noise, so that drawing it is counted in full
NUMPY_PRODUCT, XLA_PRODUCT = "matrix product, NumPy", "matrix product, XLA"
_PRODUCT = 1024


def car_world_model() -> WorldModel:
    """An untrained world model of CarRacing at the paper's size, whose dreams never end."""
    from dreamgym import memory as memory_module
    from dreamgym import vision as vision_module

    task, rng = CAR_RACING, np.random.default_rng(0)
    space = gym.spaces.Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))
    memory: MemoryArrays = memory_module.to_arrays(memory_module.Memory())
    bias = memory.head_bias.copy()
    bias[-1] = -30.0
    starts = Starts(
        rng.standard_normal((8, 21, task.latent_size), np.float32),
        np.full((8, 21, task.latent_size), -2, np.float32),
        rng.random((8, 20, 3), np.float32),
    )
    vision = vision_module.to_arrays(vision_module.Vision())
    return WorldModel(task, ActionCodec(space), vision, memory._replace(head_bias=bias), starts)


def step_operations(world_model: WorldModel, with_policy: bool = True) -> int:
    """Floating-point operations of a dream step: 2 x the multiply-adds of the LSTM, the heads and the policy."""
    memory = world_model.memory
    products = memory.kernel.size + memory.recurrent_kernel.size + memory.head_kernel.size
    if with_policy:
        products += 2 * (world_model.latent_size + world_model.hidden_size)
    return 2 * products


def product_measures() -> list[Measure]:
    """What a float32 matrix product of 1024 x 1024 x 1024 reaches on all cores, in GFLOP/s."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((_PRODUCT, _PRODUCT), np.float32) for _ in range(2))
    tensors = tf.constant(left), tf.constant(right)
    compiled = tf.function(tf.matmul, jit_compile=True, autograph=False)
    operations = 8 * 2 * _PRODUCT**3 / 1e9

    def by_numpy() -> float:
        for _ in range(8):
            left @ right
        return operations

    def by_xla() -> float:
        for _ in range(8):
            product = compiled(*tensors)
        product.numpy()
        return operations

    return [Measure(NUMPY_PRODUCT, "GFLOP/s", by_numpy), Measure(XLA_PRODUCT, "GFLOP/s", by_xla)]


def dream_measures(world_model: WorldModel, folder: Path) -> list[Measure]:
    """Dream steps a second: the single env, the vector env and imagine, over numbers of dreams."""
    made = gym.make("WorldModelDream-v0", world_model=str(folder))
    measures = [_single("dream, env by itself", made.unwrapped), _single("dream, gym.make", made)]
    measures += [_vector(folder, n) for n in BATCHES]
    measures += [_imagine(world_model, n) for n in BATCHES]
    return measures


def imagine_name(n: int) -> str:
    """The name of the measure of ``imagine`` over ``n`` dreams."""
    return f"imagine, {n}"


def vector_name(n: int) -> str:
    """The name of the measure of the vector env over ``n`` dreams."""
    return f"vector env, {n}"


def _single(name: str, env: gym.Env) -> Measure:
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(100)]

    def work() -> float:
        env.reset(seed=0)
        for action in actions:
            env.step(action)
        return len(actions)

    return Measure(name, "steps/s", work)


def _vector(folder: Path, n: int) -> Measure:
    envs = gym.make_vec("WorldModelDream-v0", num_envs=n, world_model=str(folder))
    envs.action_space.seed(0)
    actions = envs.action_space.sample()
    envs.reset(seed=0)

    def work() -> float:
        for _ in range(BLOCK):
            envs.step(actions)
        return n * BLOCK

    return Measure(vector_name(n), "steps/s", work)


def _imagine(world_model: WorldModel, n: int) -> Measure:
    """Up to 16 dreams a candidate, as a generation has them; the candidates share them."""
    dreams = min(n, DREAMS)
    policy, parameters = population(world_model, n // dreams)

    steps = min(1024, max(BLOCK, 2**18 // n))

    def work() -> float:
        found = imagine(world_model, policy, parameters, n_dreams=dreams, horizon=steps)
        return float(found.lengths.sum())

    return Measure(imagine_name(n), "steps/s", work)


def population(world_model: WorldModel, candidates: int) -> tuple:
    """A linear policy and the parameters of so many candidates."""
    head = world_model.task.head(world_model.codec)
    size = head.n_outputs * (world_model.latent_size + world_model.hidden_size + 1)
    parameters = 0.1 * np.random.default_rng(0).standard_normal((candidates, size))
    return linear_policy(head), parameters.astype(np.float32)


def generation_overhead(world_model: WorldModel, steps: int, generations: int = 5) -> tuple[float, float]:
    """The time of a CMA-ES generation over that of its dream steps, and a generation's seconds: medians."""
    policy, parameters = population(world_model, CANDIDATES)
    dreaming: list[float] = []

    def fitness(solutions: np.ndarray, generation: int) -> np.ndarray:
        with stopwatch() as seconds:
            found = imagine(
                world_model, policy, solutions.astype(np.float32), n_dreams=DREAMS, horizon=steps, seed=generation
            )
        dreaming.append(seconds[0])
        return found.returns.mean(axis=1)

    whole: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        search = CmaSearch(Path(folder), np.zeros(parameters.shape[1]), 0.1, CANDIDATES)
        for _ in range(generations + 1):  # the first one compiles
            with stopwatch() as seconds:
                search.advance(fitness)
            whole.append(seconds[0])
    ratios = [a / b for a, b in zip(whole[1:], dreaming[1:], strict=True)]
    return float(np.median(ratios)), float(np.median(whole[1:]))


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Gives a list that holds the seconds taken once the block is left."""
    seconds: list[float] = []
    began = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - began)


def first_call_and_memory(folder: Path, steps: int) -> tuple[float, float]:
    """Of imagine at 64 x 16 in a process of its own: the first call's seconds, and peak MB above TensorFlow's own."""
    program = f"from scripts.benchmarks.dream import print_first_call; print_first_call({str(folder)!r}, {steps})"
    root = Path(__file__).parents[2]
    words = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=root
    ).stdout.split()
    return float(words[-2]), float(words[-1])


def print_first_call(folder: str, steps: int) -> None:
    """What :func:`first_call_and_memory` runs; TensorFlow's own memory is that of one compiled product."""
    import tensorflow as tf

    world_model = WorldModel.load(folder)
    tf.function(tf.matmul, jit_compile=True)(tf.ones((64, 64)), tf.ones((64, 64))).numpy()
    policy, parameters = population(world_model, CANDIDATES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with stopwatch() as first:
        imagine(world_model, policy, parameters, n_dreams=DREAMS, horizon=1)
    imagine(world_model, policy, parameters, n_dreams=DREAMS, horizon=steps)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there
    print(first[0], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit)
