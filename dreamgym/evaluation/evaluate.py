"""Scores of a policy over many episodes, in the real game or in the dream.

A real score is the stock game at its full horizon, without reward shaping, on episodes that nothing was trained on or
selected by.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from dreamgym.envs.arguments import dream_temperature
from dreamgym.errors import JobError, SettingsError
from dreamgym.evaluation.scores import Evaluation
from dreamgym.play.game import Played
from dreamgym.play.job import PlayJob, play_jobs, portable
from dreamgym.play.resolve import Player, resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.policy import AnyPolicy
from dreamgym.running.jobs import Executor, as_executor
from dreamgym.running.progress import track
from dreamgym.running.provenance import package_versions
from dreamgym.running.seeding import evaluation_seeds

EPISODES_PER_JOB = 4


def evaluate(
    policy: AnyPolicy,
    env: EnvSettings = EnvSettings(),
    *,
    episodes: int = 100,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    workers: int | Executor | None = None,
    label: str | None = None,
) -> Evaluation:
    """Plays episodes and returns their scores.

    Args:
        policy: A policy, an agent of Stable-Baselines3, a function from observation to action, or a name or file, see
            :data:`dreamgym.policies.load.POLICY_HELP`.
        env: Where it plays. The real game is the stock one unless the renderer says otherwise.
        episodes: How many, if ``seeds`` is None.
        seed: Picks the episodes, see :func:`dreamgym.running.seeding.evaluation_seeds`.
        seeds: One per episode.
        workers: Processes, or an executor; all cores if None, and 0 plays in this process.
        label: The row's name in a table; the policy's name if None.

    Raises:
        PolicyError: The policy is unknown, does not fit the task, or lacks the world model that it needs.
        WorldModelError: The world model is missing or broken.
        TaskError: There is no such task, its env cannot be made, or the world model is of another task.
        SettingsError: There are no episodes to play, or ``seed`` or ``workers`` is negative.
        JobError: No episode could be played.
    """
    chosen = tuple(evaluation_seeds(seed, episodes) if seeds is None else seeds)
    if not chosen:
        raise SettingsError(f"episodes is {episodes}, expected 1 or more")
    begin = time.monotonic()
    player = resolve(policy, replace(env, renderer=env.renderer or "stock"))
    name, settings = label or player.policy.name, portable(player)
    with as_executor(workers) as executor:
        jobs = PlayJob(player.source, settings, chosen).split(EPISODES_PER_JOB)
        played, failed = play_all(executor, jobs, f"{name} ({env.env})")
    by_seed = {episode.seed: episode for episode in played}
    in_order = [by_seed[seed] for seed in chosen if seed in by_seed]
    return Evaluation(
        label=name,
        policy=player.policy.name,
        env=env.env,
        env_id=_env_id(player),
        task=player.task.name,
        world_model=settings.world_model,
        temperature=_temperature(player),
        max_steps=player.max_steps,
        seeds=[episode.seed for episode in in_order],
        returns=[episode.score for episode in in_order],
        lengths=[episode.length for episode in in_order],
        wall_seconds=round(time.monotonic() - begin, 3),
        failed=failed,
        packages=package_versions(),
    )


def play_all(executor: Executor, jobs: Sequence[PlayJob], description: str) -> tuple[list[Played], list[int]]:
    """Plays jobs and shows progress. Returns the episodes, and the seeds that could not be played.

    Raises a JobError if no episode could be played.
    """
    played: list[Played] = []
    failed: list[int] = []
    reason = None
    for result in track(play_jobs(executor, jobs), len(jobs), description):
        if result.error is None:
            played += result.value
        else:
            failed += result.input.seeds
            reason = result.error
    if not played:
        raise JobError(f"{description}: no episode could be played: {reason}")
    return played, failed


def _env_id(player: Player) -> str:
    if player.env.env == "dream":
        return "WorldModelDream-v0"
    return player.task.played_env_id(player.env.renderer or "stock")


def _temperature(player: Player) -> float | None:
    if player.env.env != "dream" or player.world_model is None:
        return None
    return dream_temperature(player.env.temperature, player.world_model)
