"""The real game on all cores: what collecting leaves of FastCarRacing's own speed, and how fast a population plays."""

import time
from collections.abc import Callable
from pathlib import Path

from dreamgym import WorldModel
from dreamgym.data.episodes import list_episodes
from dreamgym.data.rollouts import collect, episode_seed
from dreamgym.envs.car_racing import FastCarRacing
from dreamgym.envs.latent import LatentEnv
from dreamgym.errors import JobError
from dreamgym.jobs import default_workers, run_jobs
from dreamgym.play import PlayJob, play_job
from dreamgym.policies import LinearController
from dreamgym.population import population_returns
from dreamgym.tasks import CAR_RACING
from scripts.benchmarks.dream import population
from scripts.benchmarks.measure import Results

BARE = "FastCarRacing, all cores: resets and steps alone"
COLLECT = "collecting, all cores: policy, PNG, files; workers running"
COLLECT_FROM_START = "collecting, all cores, the workers' start included"
LOCKSTEP = "a population in the real game, all cores, the workers' start included"
ONE_BY_ONE = "a controller in the real game, env by env, all cores"
_REPLAYED, _COLLECTED, _CANDIDATES = 4, 12, 3  # episodes, episodes and candidates a core
_TRACKS = 16  # episodes a candidate


def real_game_results(world_model: WorldModel, folder: Path, rounds: int, steps: int, workers: int | None) -> Results:
    """Frames a second of the real car game on all cores, all measures in turn.

    Args:
        world_model: What a population looks through.
        folder: For files.
        rounds: Over all measures.
        steps: Of an episode that is collected; a population's are a quarter as long.
        workers: Processes; one a core if None, and 0 plays in this process.
    """
    processes = default_workers() if workers is None else workers
    saved, short = world_model.save(folder / "seen_through"), max(steps // 4, 1)
    results = Results()
    for number in range(rounds):
        bare = _together(bare_rate, (number, steps), processes)
        warm, whole = _collecting(folder / f"collected-{number}", processes, number, steps)
        rates = {
            BARE: bare,
            COLLECT: warm,
            COLLECT_FROM_START: whole,
            LOCKSTEP: _population_rate(world_model, saved, processes, number, short),
            ONE_BY_ONE: _together(latent_rate, (str(saved), short), processes),
        }
        for name, rate in rates.items():
            results.units[name] = "frames/s"
            results.rates.setdefault(name, []).append(rate)
    return results


def _together(rate: Callable[[tuple], float], argument: tuple, processes: int) -> float:
    """The sum of the rates that a function finds in all processes at the same time."""
    arguments = [argument] * max(processes, 1)
    total = 0.0
    for job in run_jobs(rate, arguments, workers=processes, deadline=600.0, retries=0):
        if job.error is not None:
            raise JobError(f"{rate.__name__} could not be measured: {job.error}")
        total += job.value
    return total


def bare_rate(argument: tuple[int, int]) -> float:
    """Steps a second of FastCarRacing by itself, in the episodes that the collection begins with."""
    seed, steps = argument
    options = dict(CAR_RACING.start_options or {})
    seeds = tuple(episode_seed(seed, number) for number in range(_REPLAYED))
    job = PlayJob("car_racing", "smoothed", seeds, max_steps=steps, start_options=options, keep="episode")
    episodes = [played.episode for played in play_job(job) if played.episode is not None]
    env = FastCarRacing()
    began = time.perf_counter()
    for episode in episodes:
        env.reset(seed=episode.seed, options=options)
        for action in episode.actions:
            env.step(action)
    return sum(len(episode.actions) for episode in episodes) / (time.perf_counter() - began)


def _collecting(folder: Path, processes: int, seed: int, steps: int) -> tuple[float, float]:
    """Frames a second after as many episodes as there are workers, and from the start on.

    What the other workers have done by then of their next episodes counts as done after it: one part in twelve at most.
    """
    some = max(processes, 1)
    began = time.time()
    report = collect(
        folder,
        task="car_racing",
        policy="smoothed",
        episodes=_COLLECTED * some,
        episode_length=steps,
        workers=processes,
        seed=seed,
    )
    arrivals = sorted(path.stat().st_mtime for path in list_episodes(folder))
    later = report.steps * (1 - some / len(arrivals))
    return later / (arrivals[-1] - arrivals[some - 1]), report.steps / (arrivals[-1] - began)


def _population_rate(world_model: WorldModel, saved: Path, processes: int, seed: int, steps: int) -> float:
    """Frames a second of a small population, from the start of its workers on."""
    candidates = _CANDIDATES * max(processes, 1)
    _, parameters = population(world_model, candidates)
    returns = population_returns(saved, episodes=_TRACKS, workers=processes, max_steps=steps)
    began = time.perf_counter()
    returns(parameters, seed)
    return candidates * _TRACKS * steps / (time.perf_counter() - began)


def latent_rate(argument: tuple[str, int]) -> float:
    """Frames a second of a controller in the latent env: V and M see one frame at a time."""
    folder, steps = argument
    env = LatentEnv(folder)
    _, parameters = population(env.world_model, 1)
    controller = LinearController(
        parameters[0], "car_racing", env.world_model.codec, next(iter(CAR_RACING.action_heads))
    )
    env.reset(seed=0)
    done, began = 0, time.perf_counter()
    for seed in range(_REPLAYED):
        observation, _ = env.reset(seed=seed)
        for _ in range(steps):
            observation = env.step(controller(observation))[0]
        done += steps
    env.close()
    return done / (time.perf_counter() - began)
