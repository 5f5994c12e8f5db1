"""Speed of the dream: one, a batch, a population; and of the matrix products in it."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.benchmark.measure import Measure, peak_memory
from dreamgym.dream.imagination import Dreams, imagine
from dreamgym.evolution.search import CmaSearch
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.policies.controller import LinearController, linear_policy
from dreamgym.tasks import Task
from dreamgym.world_model import Starts, WorldModel

BATCHES = (1, 16, 64, 256, 1024, 4096)
CANDIDATES, DREAMS = 64, 16
BLOCK = 64  # steps of a burst: a whole block of noise, so that drawing it is counted in full
NUMPY_PRODUCT, XLA_PRODUCT = "matrix product, NumPy", "matrix product, XLA"
_PRODUCT = 1024


def car_world_model() -> WorldModel:
    """An untrained world model of CarRacing at the paper's size, whose dreams never end."""
    space = gym.spaces.Box(np.array([-1, 0, 0], np.float32), np.ones(3, np.float32))
    return untrained_world_model(CAR_RACING, space)


def untrained_world_model(task: Task, space: gym.Space) -> WorldModel:
    """An untrained world model of a task and its game's action space, whose dreams never end."""
    from dreamgym.models import memory, vision

    rng = np.random.default_rng(0)
    codec = ActionCodec(space)
    weights = memory.to_arrays(memory.Memory(task.latent_size, codec.size, task.hidden_size, task.n_mixtures))
    weights.head_bias[-1] = -30.0  # the logit of ``terminated``
    mu = rng.standard_normal((8, 21, task.latent_size), np.float32)
    starts = Starts(mu, np.full_like(mu, -2), rng.random((8, 20, codec.size), np.float32))
    arrays = vision.to_arrays(vision.Vision(task.latent_size))
    return WorldModel(task, codec, arrays, weights, starts, frame_skip=task.frame_skip)


def step_operations(world_model: WorldModel, with_policy: bool = True) -> int:
    """Floating-point operations of a dream step: 2 x the multiply-adds of the LSTM, the heads and the policy."""
    memory = world_model.memory
    products = memory.kernel.size + memory.recurrent_kernel.size + memory.head_kernel.size
    head = world_model.task.head(world_model.codec)
    return 2 * (products + (head.n_outputs * world_model.observation_size if with_policy else 0))


def product_measures() -> list[Measure]:
    """What a float32 matrix product of 1024 x 1024 x 1024 reaches on all cores, in GFLOP/s."""
    from dreamgym.running.tensorflow import tf

    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((_PRODUCT, _PRODUCT), np.float32) for _ in range(2))
    tensors = tf.constant(left), tf.constant(right)
    compiled = tf.function(tf.matmul, jit_compile=True, autograph=False)
    operations = 8 * 2 * _PRODUCT**3 / 1e9

    def by_numpy() -> None:
        for _ in range(8):
            left @ right

    def by_xla() -> None:
        for _ in range(8):
            product = compiled(*tensors)
        product.numpy()

    names = {NUMPY_PRODUCT: by_numpy, XLA_PRODUCT: by_xla}
    return [Measure.of_calls(name, "GFLOP/s", operations, products) for name, products in names.items()]


def dream_measures(world_model: WorldModel, folder: Path) -> list[Measure]:
    """Dream steps per second of the single env, the vector env and imagine, for several numbers of dreams."""
    made = gym.make("WorldModelDream-v0", world_model=str(folder))
    single = [_single("dream, env by itself", made.unwrapped), _single("dream, gym.make", made)]
    return single + [_vector(folder, n) for n in BATCHES] + [_imagine(world_model, n) for n in BATCHES]


def imagine_name(n: int) -> str:
    """The name of the measure of ``imagine`` over ``n`` dreams."""
    return f"imagine, {n}"


def vector_name(n: int) -> str:
    """The name of the measure of the vector env over ``n`` dreams."""
    return f"vector env, {n}"


def _single(name: str, env: gym.Env) -> Measure:
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(100)]

    def play() -> None:
        env.reset(seed=0)
        for action in actions:
            env.step(action)

    return Measure.of_calls(name, "steps/s", len(actions), play)


def _vector(folder: Path, n: int) -> Measure:
    envs = gym.make_vec("WorldModelDream-v0", num_envs=n, world_model=str(folder))
    envs.action_space.seed(0)
    actions = envs.action_space.sample()
    envs.reset(seed=0)

    def play() -> None:
        for _ in range(BLOCK):
            envs.step(actions)

    return Measure.of_calls(vector_name(n), "steps/s", n * BLOCK, play)


def _imagine(world_model: WorldModel, n: int) -> Measure:
    """Up to 16 dreams per candidate, as in a generation; candidates share them."""
    dreams = min(n, DREAMS)
    policy, parameters = population(world_model, n // dreams)
    steps = min(1024, max(BLOCK, 2**18 // n))

    def play() -> float:
        return float(imagine(world_model, policy, parameters, Dreams(dreams, horizon=steps)).lengths.sum())

    return Measure(imagine_name(n), "steps/s", play)


def population(world_model: WorldModel, candidates: int) -> tuple:
    """A linear policy, and random parameters ``(candidates, P)`` for it."""
    size = LinearController.zeros(world_model).parameters.size
    parameters = 0.1 * np.random.default_rng(0).standard_normal((candidates, size))
    return linear_policy(world_model.task.head(world_model.codec)), parameters.astype(np.float32)


def generation_overhead(world_model: WorldModel, steps: int, generations: int = 5) -> tuple[float, float]:
    """Medians of a CMA-ES generation's time over that of its dream steps, and of a generation's seconds."""
    policy, parameters = population(world_model, CANDIDATES)
    dreaming, whole = [], []

    def fitness(solutions: np.ndarray, generation: int) -> np.ndarray:
        began = time.perf_counter()
        dreams = Dreams(DREAMS, horizon=steps, seed=generation)
        found = imagine(world_model, policy, solutions.astype(np.float32), dreams)
        dreaming.append(time.perf_counter() - began)
        return found.returns.mean(axis=1)

    with tempfile.TemporaryDirectory() as folder:
        search = CmaSearch(Path(folder), np.zeros(parameters.shape[1]), population=CANDIDATES)
        for _ in range(generations + 1):  # the first one compiles
            began = time.perf_counter()
            search.advance(fitness)
            whole.append(time.perf_counter() - began)
    ratios = [a / b for a, b in zip(whole[1:], dreaming[1:], strict=True)]
    return float(np.median(ratios)), float(np.median(whole[1:]))


def first_call_and_memory(folder: Path, steps: int) -> tuple[float, float]:
    """Seconds of the first call of imagine at 64 x 16 in a new process, and its peak MB above TensorFlow's own."""
    program = f"from dreamgym.benchmark.dream import print_first_call; print_first_call({str(folder)!r}, {steps})"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    seconds, megabytes = done.stdout.split()[-2:]
    return float(seconds), float(megabytes)


def print_first_call(folder: str, steps: int) -> None:
    """The process of :func:`first_call_and_memory`. TensorFlow's own memory is measured after one compiled product."""
    from dreamgym.running.tensorflow import tf

    world_model = WorldModel.load(folder)
    tf.function(tf.matmul, jit_compile=True)(tf.ones((64, 64)), tf.ones((64, 64))).numpy()
    policy, parameters = population(world_model, CANDIDATES)
    before = peak_memory()
    began = time.perf_counter()
    imagine(world_model, policy, parameters, Dreams(DREAMS, horizon=1))
    first = time.perf_counter() - began
    imagine(world_model, policy, parameters, Dreams(DREAMS, horizon=steps))
    print(first, peak_memory() - before)
