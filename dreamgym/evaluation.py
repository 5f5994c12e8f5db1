"""Any policy, many episodes: in the real game, in the game seen through V and M, or in the dream.

A real score is the stock game at its full horizon, without shaping or an early stop, on tracks that nothing was
trained on or chosen by.
"""

import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dreamgym.envs.dream import DreamEnv
from dreamgym.errors import JobError, PolicyError
from dreamgym.experiment import package_versions
from dreamgym.jobs import JobResult, default_workers, run_jobs
from dreamgym.play import cached_world_model, play_deadline, play_episodes
from dreamgym.policies import LinearController, Policy, load_policy
from dreamgym.progress import track
from dreamgym.resolve import resolve_task, resolve_world_model, saved
from dreamgym.scores import Evaluation
from dreamgym.tasks import Task, get_task
from dreamgym.world_model import WorldModel, check_temperature

EnvName = Literal["real", "latent", "dream"]
CHUNK = 4  # episodes in lockstep in one job; fixed, so that results do not depend on the number of workers
_EVALUATION_SEEDS, _SELECTION_SEEDS = 2**31, 3 * 2**30


def evaluation_seeds(seed: int, n: int) -> list[int]:
    """Seeds of n fresh episodes: the first of them are the same whatever n.

    Training plays seeds below ``2**31``, :func:`selection_seeds` lie from ``3 * 2**30`` on, and these between the
    two, so that a score's tracks were never trained on or chosen by.
    """
    return _seed_range(_EVALUATION_SEEDS, seed, n)


def selection_seeds(seed: int, n: int) -> list[int]:
    """Seeds of n episodes to choose by (a checkpoint, a constant), kept apart from training and from scores."""
    return _seed_range(_SELECTION_SEEDS, seed, n)


def _seed_range(first: int, seed: int, n: int) -> list[int]:
    base = first + int(np.random.default_rng([seed, first]).integers(2**29))
    return list(range(base, base + n))


def evaluate(
    policy: Policy | str,
    *,
    env: EnvName = "real",
    task: Task | str | None = None,
    world_model: WorldModel | str | Path | None = None,
    episodes: int = 100,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    workers: int | None = None,
    max_steps: int | None = None,
    temperature: float | None = None,
    label: str | None = None,
) -> Evaluation:
    """Plays episodes and says what they came to.

    Args:
        policy: A policy, or how a command line names one, see :func:`dreamgym.policies.load_policy`.
        env: ``real`` is the task's stock game, ``latent`` its quicker env where it has one, ``dream`` the dream.
        task: What is played; the world model's if None.
        world_model: What the policy sees with, or dreams in: a folder, a pretrained name or a live one.
        episodes: How many, if ``seeds`` does not say.
        seed: Picks the seeds, see :func:`evaluation_seeds`.
        seeds: One an episode.
        workers: Processes; all cores if None, and 0 plays in this process.
        max_steps: Steps of an episode; the task's horizon if None. A real score takes None.
        temperature: The dream's; the world model's own if None.
        label: The row's name in a table; the policy's if None.

    Raises:
        PolicyError: The policy is unknown, does not fit the task, or needs a world model where there is none.
        WorldModelError: The world model is missing or broken.
        JobError: No episode could be played.
    """
    if env not in ("real", "latent", "dream"):
        raise PolicyError(f"env is {env!r}, expected 'real', 'latent' or 'dream'")
    chosen = list(evaluation_seeds(seed, episodes) if seeds is None else seeds)
    if not chosen:
        raise PolicyError("there is nothing to play: episodes is 0, expected at least 1")
    begin = time.monotonic()
    known = resolve_world_model(world_model)
    place, codec = resolve_task(task, known)
    player = load_policy(policy, place, codec) if isinstance(policy, str) else policy
    looks = player.needs_latents or env == "dream"
    if looks and known is None:
        raise PolicyError(f"policy {player.name!r} in env {env!r} needs a world model; pass its folder")
    steps = place.horizon if max_steps is None else max_steps
    tau = None
    if env == "dream" and known is not None:
        tau = check_temperature(known.temperature if temperature is None else temperature)
    with saved(world_model if looks else None) as folder, sendable(policy) as spec:
        whole = Chunk(env, task_path(place), spec, folder, tuple(chosen), steps, tau)
        played, failed = _play(whole.split(CHUNK), workers, f"{label or player.name} ({env})")
    return Evaluation(
        label=label or player.name,
        policy=player.name,
        env=env,
        env_id=_env_id(env, place),
        task=place.name,
        world_model=str(folder) if isinstance(world_model, str | Path) and looks else None,
        temperature=tau,
        max_steps=steps,
        seeds=[seed for seed in chosen if seed in played],
        returns=[played[seed][0] for seed in chosen if seed in played],
        lengths=[played[seed][1] for seed in chosen if seed in played],
        wall_seconds=round(time.monotonic() - begin, 3),
        failed=failed,
        packages=package_versions(),
    )


@contextmanager
def sendable(policy: Policy | str) -> Iterator[Policy | str]:
    """A policy as a worker can take it: a controller by its file, since its task's functions need not pickle."""
    if not isinstance(policy, LinearController):
        yield policy
        return
    with tempfile.TemporaryDirectory(prefix="dreamgym-") as folder:
        yield str(policy.save(Path(folder) / "controller.npz"))


@dataclass(frozen=True)
class Chunk:
    """Episodes that one job plays in lockstep; all of it can be sent to a worker."""

    env: EnvName
    task: str
    policy: Policy | str
    world_model: Path | None
    seeds: tuple[int, ...]
    max_steps: int
    temperature: float | None

    def split(self, size: int) -> list["Chunk"]:
        """The same in smaller chunks."""
        starts = range(0, len(self.seeds), size)
        return [dataclasses.replace(self, seeds=self.seeds[start : start + size]) for start in starts]


def _play(
    chunks: Sequence[Chunk], workers: int | None, description: str
) -> tuple[dict[int, tuple[float, int]], list[int]]:
    """Return and length by seed, and the seeds that could not be played."""
    played: dict[int, tuple[float, int]] = {}
    failed: list[int] = []
    reason = None
    for result in track(run_chunks(chunks, workers), len(chunks), description):
        if result.error is None:
            played |= dict(zip(result.input.seeds, result.value, strict=True))
        else:
            failed += result.input.seeds
            reason = result.error
    if not played:
        raise JobError(f"{description}: no episode could be played: {reason}")
    return played, failed


def run_chunks(chunks: Sequence[Chunk], workers: int | None) -> Iterator[JobResult]:
    """Plays chunks on workers (all cores if None); each result's value is what :func:`play_chunk` gives."""
    deadline = play_deadline(chunks[0].max_steps, CHUNK)
    n = default_workers() if workers is None else workers
    return run_jobs(play_chunk, chunks, workers=n, deadline=deadline)


def play_chunk(chunk: Chunk) -> list[tuple[float, int]]:
    """What a worker does: the return and length of each episode."""
    task = get_task(chunk.task)
    world_model = None if chunk.world_model is None else cached_world_model(chunk.world_model)
    policy = chunk.policy
    if isinstance(policy, str):
        policy = load_policy(policy, *resolve_task(task, world_model))
    if chunk.env == "dream":
        return _dream_episodes(chunk, policy)
    episodes = play_episodes(
        task,
        policy,
        chunk.seeds,
        world_model=world_model,
        renderer="stock" if chunk.env == "real" else "fast",
        max_steps=chunk.max_steps,
    )
    return [(episode.score, episode.length) for episode in episodes]


def _dream_episodes(chunk: Chunk, policy: Policy) -> list[tuple[float, int]]:
    """Dream after dream in NumPy: each is the one that the registered env dreams from its seed."""
    env = DreamEnv(chunk.world_model, temperature=chunk.temperature, max_episode_steps=chunk.max_steps)
    outcomes = []
    for seed in chunk.seeds:
        policy.reset(seed)
        observation, _ = env.reset(seed=seed)
        total, length, over = 0.0, 0, False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(policy(observation))
            total, length, over = total + reward, length + 1, terminated or truncated
        outcomes.append((total, length))
    return outcomes


def _env_id(env: EnvName, task: Task) -> str:
    if env == "dream":
        return "WorldModelDream-v0"
    return task.env_id if env == "real" or task.fast_env_id is None else task.fast_env_id


def task_path(task: Task) -> str:
    """How a new process finds a task: ``module:ATTRIBUTE`` where a loaded module holds it, else its name."""
    # A program's own __main__ comes last: in a new process it holds only what is not under its __name__ guard.
    modules = sorted(sys.modules.items(), key=lambda item: (item[0].startswith("__"), item[0]))
    for name, module in modules:
        for attribute, value in list(vars(module).items()) if module is not None else []:
            if value is task:
                return f"{name}:{attribute}"
    return task.name
