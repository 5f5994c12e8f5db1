"""Speed of the real game on all cores: collecting beside FastCarRacing alone, and a population."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dreamgym.benchmark.dream import population
from dreamgym.benchmark.measure import Results
from dreamgym.data.episodes import list_episodes
from dreamgym.envs.latent import LatentEnv
from dreamgym.errors import JobError
from dreamgym.evolution.population import population_returns
from dreamgym.games.car_racing.env import FastCarRacing
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.play.collect import collect
from dreamgym.play.job import PlayJob, play_job
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.jobs import LocalExecutor
from dreamgym.running.seeding import derive_seed
from dreamgym.world_model import WorldModel

BARE = "FastCarRacing, all cores: resets and steps alone"
COLLECT = "collecting, all cores: policy, PNG, files; workers running"
COLLECT_FROM_START = "collecting, all cores, the workers' start included"
LOCKSTEP = "a population in the real game, all cores"
ONE_BY_ONE = "a controller in the real game, env by env, all cores"
_REPLAYED, _COLLECTED, _CANDIDATES = 4, 12, 3  # episodes, episodes and candidates per core
_TRACKS = 16  # episodes per candidate


def real_game_results(world_model: WorldModel, folder: Path, rounds: int, steps: int, workers: int | None) -> Results:
    """Frames per second of the real car game in all worker processes, all measures interleaved.

    ``steps`` is the length of a collected episode; a population's episodes are a quarter as long.
    """
    saved, short = world_model.save(folder / "seen_through"), max(steps // 4, 1)
    names = (BARE, COLLECT, COLLECT_FROM_START, LOCKSTEP, ONE_BY_ONE)
    results = Results(dict.fromkeys(names, "frames/s"), {name: [] for name in names})
    with LocalExecutor(workers) as executor:
        for number in range(rounds):
            results.rates[BARE].append(_together(bare_rate, (number, steps), executor))
            warm, whole = _collecting(folder / f"collected-{number}", executor, number, steps)
            results.rates[COLLECT].append(warm)
            results.rates[COLLECT_FROM_START].append(whole)
            results.rates[LOCKSTEP].append(_population_rate(world_model, saved, executor, number, short))
            results.rates[ONE_BY_ONE].append(_together(latent_rate, (str(saved), short), executor))
    return results


def _together(rate: Callable[[tuple], float], argument: tuple, executor: LocalExecutor) -> float:
    """The sum of the rates that a function measures in all processes at the same time."""
    total = 0.0
    for job in executor.run(rate, [argument] * max(executor.workers, 1), deadline=600.0, retries=0):
        if job.error is not None:
            raise JobError(f"{rate.__name__} could not be measured: {job.error}")
        total += job.value
    return total


def bare_rate(argument: tuple[int, int]) -> float:
    """Steps per second of FastCarRacing alone, in the episodes that the collection begins with."""
    seed, steps = argument
    env, options = FastCarRacing(), dict(CAR_RACING.start_options or {})
    seeds = tuple(derive_seed(seed, number) for number in range(_REPLAYED))
    there = EnvSettings(task="car_racing", renderer="fast", max_steps=steps)
    job = PlayJob("smoothed", there, seeds, start_options=options, keep="episode")
    episodes = [played.episode for played in play_job(job) if played.episode is not None]
    began = time.perf_counter()
    for episode in episodes:
        env.reset(seed=episode.seed, options=options)
        for action in episode.actions:
            env.step(action)
    return sum(len(episode.actions) for episode in episodes) / (time.perf_counter() - began)


def _collecting(folder: Path, executor: LocalExecutor, seed: int, steps: int) -> tuple[float, float]:
    """Frames per second after as many episodes as there are workers, and from the workers' start on."""
    some = max(executor.workers, 1)
    executor.close()  # the workers' start is part of the second figure
    began = time.time()
    settings = CollectSettings(episodes=_COLLECTED * some, episode_length=steps)
    report = collect(folder, "smoothed", EnvSettings(task="car_racing"), settings, seed=seed, workers=executor)
    arrivals = sorted(path.stat().st_mtime for path in list_episodes(folder))
    later = report.steps * (1 - some / len(arrivals))  # at most one in twelve was played before that
    return later / (arrivals[-1] - arrivals[some - 1]), report.steps / (arrivals[-1] - began)


def _population_rate(world_model: WorldModel, saved: Path, executor: LocalExecutor, seed: int, steps: int) -> float:
    candidates = _CANDIDATES * max(executor.workers, 1)
    _, parameters = population(world_model, candidates)
    env = EnvSettings(world_model=str(saved), renderer="fast", max_steps=steps)
    returns = population_returns(env, None, episodes=_TRACKS, executor=executor)
    began = time.perf_counter()
    returns(parameters, seed)
    return candidates * _TRACKS * steps / (time.perf_counter() - began)


def latent_rate(argument: tuple[str, int]) -> float:
    """Frames per second of a controller in the latent env, where V and M see one frame at a time."""
    folder, steps = argument
    env = LatentEnv(folder)
    _, parameters = population(env.world_model, 1)
    controller = replace(LinearController.zeros(env.world_model), parameters=parameters[0])
    env.reset(seed=0)
    began = time.perf_counter()
    for seed in range(_REPLAYED):
        observation, _ = env.reset(seed=seed)
        for _ in range(steps):
            observation = env.step(controller(observation))[0]
    env.close()
    return _REPLAYED * steps / (time.perf_counter() - began)
