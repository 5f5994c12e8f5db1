"""Episodes as a job for a worker."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cloudpickle

from dreamgym.errors import PolicyError, describe
from dreamgym.play.episodes import play_episodes
from dreamgym.play.game import Keep, Played
from dreamgym.play.resolve import Player, resolve, task_path
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.policies.exploration import NoisyPolicy
from dreamgym.policies.load import policy_file
from dreamgym.policies.policy import CallablePolicy, Policy
from dreamgym.policies.sb3 import SB3Policy
from dreamgym.running.jobs import Executor, JobResult
from dreamgym.running.provenance import hash_arrays
from dreamgym.running.shared import Files, Shared, SharedFile

_LARGE = 100_000  # bytes of a policy that many jobs may have in common


@dataclass(frozen=True)
class PlayJob:
    """Episodes to play, as plain data that can be sent to a worker."""

    policy: Policy | str  # a policy, or how a command line names one; see Player.source
    env: EnvSettings  # where it plays, see :func:`portable`
    seeds: tuple[int, ...]  # one per episode
    noise: float = 0.0  # the scale of smooth noise on the policy's actions; 0 for none
    start_options: Mapping[str, Any] | None = None  # reset options
    keep: Keep = "score"  # what is kept of each episode
    files: tuple[Files, tuple[str, ...]] | None = None  # where the worker writes the episodes' files, and their names

    def split(self, size: int) -> list["PlayJob"]:
        """The same episodes in jobs of at most ``size``."""
        starts = range(0, len(self.seeds), size)
        return [replace(self, seeds=self.seeds[start : start + size]) for start in starts]

    def __getstate__(self) -> dict[str, Any]:
        # A worker would look for what __main__ or a notebook defines by its name; cloudpickle sends it as it is.
        world_model = self.env.world_model
        state = {**vars(self), "env": replace(self.env, world_model=None), "world_model": world_model}
        if world_model is not None and Path(world_model).expanduser().is_dir():
            state["world_model"] = SharedFile(world_model)
        if not isinstance(self.policy, str):
            content = pickled(self.policy)
            state["policy"] = Shared(content) if len(content) > _LARGE else content
        elif (file := policy_file(self.policy)) is not None and file.is_file():
            state["policy"] = SharedFile(self.policy)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        policy, world_model = (_unshared(state.pop(name)) for name in ("policy", "world_model"))
        policy = policy if isinstance(policy, str) else cloudpickle.loads(policy)
        vars(self).update(state, policy=policy, env=replace(state["env"], world_model=world_model))


def _unshared(value: Any) -> Any:
    return value.value if isinstance(value, Shared) else value.path if isinstance(value, SharedFile) else value


def pickled(policy: Policy) -> bytes:
    """A policy as bytes for a worker; raises a PolicyError where it cannot leave this process."""
    try:
        content: bytes = cloudpickle.dumps(policy)
    except Exception as error:  # any object's own
        reason = describe(error).splitlines()[0]
        raise PolicyError(f"policy {policy.name!r} cannot be sent to a worker ({reason}); pass workers=0") from error
    return content


def describe_live(policy: Policy) -> dict[str, str | None]:
    """A policy that was passed as an object: its name, its class, and a hash of what it is made of.

    The hash is of a controller's or an agent's numbers, else of the policy as it is pickled: a function of a module is
    pickled by its name, one of ``__main__`` or a notebook by its code. Two pickles of one policy may differ, for
    example where it holds a set or a generator; it then counts as another policy. The hash is None where it cannot be
    pickled.
    """
    live: Any = policy.function if isinstance(policy, CallablePolicy) else policy
    digest = None
    if isinstance(policy, LinearController):
        digest = hash_arrays({policy.head: policy.parameters})
    elif isinstance(policy, SB3Policy):
        live, digest = policy.model, policy.hash()
    else:
        with suppress(PolicyError):
            digest = hashlib.sha256(pickled(policy)).hexdigest()
    kind = f"{type(live).__module__}.{type(live).__qualname__}"
    return {"policy": policy.name, "policy_class": kind, "policy_sha256": digest}


def portable(player: Player) -> EnvSettings:
    """A player's settings for a new process: the task by its import path, a world model only where it is needed."""
    needed = player.policy.needs_latents or player.env.env == "dream"
    world_model = player.env.world_model if needed else None
    task, steps, skip = task_path(player.task), player.max_steps, player.frame_skip
    return replace(player.env, task=task, world_model=world_model, max_steps=steps, frame_skip=skip)


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
        noisy = NoisyPolicy(player.policy, player.codec, player.exploration, job.noise)
        player = replace(player, policy=noisy)
    played = play_episodes(player, job.seeds, keep=job.keep, start_options=job.start_options)
    return played if job.files is None else [_put(*job.files, n, episode) for n, episode in enumerate(played)]


def _put(place: Files, names: Sequence[str], number: int, played: Played) -> Played:
    """Writes an episode's file where every machine reaches it. Figures remain."""
    assert played.content is not None
    place.put(names[number], played.content)
    return replace(played, content=None, stored=len(played.content))
