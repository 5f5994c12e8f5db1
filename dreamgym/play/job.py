"""Episodes as a job for a worker."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dreamgym.play.episodes import play_episodes
from dreamgym.play.game import Keep, Played
from dreamgym.play.resolve import Player, resolve, task_path
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.exploration import NoisyPolicy
from dreamgym.policies.policy import Policy
from dreamgym.running.jobs import Executor, JobResult


@dataclass(frozen=True)
class PlayJob:
    """Episodes to play, as plain data that can be sent to a worker."""

    policy: Policy | str  # a policy, or how a command line names one
    env: EnvSettings  # where it plays, see :func:`portable`
    seeds: tuple[int, ...]  # one per episode
    noise: float = 0.0  # the scale of smooth noise on the policy's actions; 0 for none
    start_options: Mapping[str, Any] | None = None  # reset options
    keep: Keep = "score"  # what is kept of each episode

    def split(self, size: int) -> list["PlayJob"]:
        """The same episodes in jobs of at most ``size``."""
        starts = range(0, len(self.seeds), size)
        return [replace(self, seeds=self.seeds[start : start + size]) for start in starts]


def portable(player: Player) -> EnvSettings:
    """A player's settings for a new process: the task by its import path, a world model only where it is needed."""
    needed = player.policy.needs_latents or player.env.env == "dream"
    world_model = player.env.world_model if needed else None
    return replace(player.env, task=task_path(player.task), world_model=world_model, max_steps=player.max_steps)


def play_jobs(executor: Executor, jobs: Sequence[PlayJob], deadline: float | None = None) -> Iterator[JobResult]:
    """Plays jobs of :func:`portable` settings and yields their results as they come; values are lists of Played.

    ``deadline`` is the seconds after which a worker counts as hung: 120 to start and 0.2 per step if None.
    """
    steps = max(((job.env.max_steps or 0) * len(job.seeds) for job in jobs), default=0)
    return executor.run(play_job, jobs, deadline=deadline or 120.0 + 0.2 * steps)


def play_job(job: PlayJob) -> list[Played]:
    """Plays a job's episodes. A worker keeps the world model between jobs."""
    player = resolve(job.policy, job.env)
    if job.noise:
        noisy = NoisyPolicy(player.policy, player.codec, player.task.exploration, job.noise)
        player = replace(player, policy=noisy)
    return play_episodes(player, job.seeds, keep=job.keep, start_options=job.start_options)
