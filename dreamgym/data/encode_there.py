"""Encodes episodes that lie where every machine reaches them. This process gets figures only."""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

from dreamgym.data.encode_job import Encoded, EncodeJob, Place, encode_job
from dreamgym.data.episodes import SETTINGS_FILE, is_episode
from dreamgym.errors import DataError, JobError, RemoteError, tells_of
from dreamgym.running.files import write_whole
from dreamgym.running.jobs import Executor, as_executor
from dreamgym.running.progress import Progress
from dreamgym.running.provenance import hash_arrays
from dreamgym.running.shared import Shared

JOB_SECONDS = 600.0  # for a job, TensorFlow's start included
_JOB_EPISODES = 8  # at most; a worker holds their frames


def names_there(place: Place, rollouts: Path) -> list[str]:
    """The names of the episodes that are there, in order. ``rollouts`` names them in errors."""
    names = sorted(filter(is_episode, place.rollouts.names()))
    if not names:
        raise DataError(f"{rollouts} holds no episodes in the remote; collect some first")
    return names


def encode_there(place: Place, names: Sequence[str], vision: Shared, executor: Executor | None) -> list[Encoded]:
    """Encodes episodes by an executor's workers, or in this process. Latents that are up to date are kept.

    Raises:
        RemoteError: A worker cannot read or write there.
        JobError: Episodes could not be encoded for another reason.
    """
    stamp, outcomes = hash_arrays(vision.value), []
    with as_executor(executor or 0) as workers, Progress("encoding in the remote", len(names)) as progress:
        size = min(_JOB_EPISODES, math.ceil(len(names) / max(workers.workers, 1)))
        groups = [tuple(names[start : start + size]) for start in range(0, len(names), size)]
        jobs = [EncodeJob(vision, stamp, group, place=place) for group in groups]
        for result in workers.run(encode_job, jobs, deadline=JOB_SECONDS):
            if result.error is not None:
                kind = RemoteError if tells_of(result.error, RemoteError) else JobError
                raise kind(f"episodes from {result.input.names[0]} on could not be encoded: {result.error}")
            for encoded in result.value:
                if encoded.broken is not None:
                    warnings.warn(f"skipped: {encoded.broken}", stacklevel=3)
                if encoded.mended is not None:
                    warnings.warn(f"{encoded.mended} - it is made anew", stacklevel=3)
                outcomes.append(encoded)
                progress.advance()
    return outcomes


def keep_settings_there(place: Place, latents: Path) -> None:
    """Copies the episodes' ``collection.json`` to their latents, here and there."""
    if SETTINGS_FILE in place.rollouts.names():
        content = place.rollouts.get(SETTINGS_FILE)
        place.latents.without({SETTINGS_FILE}).put(SETTINGS_FILE, content)
        write_whole(latents / SETTINGS_FILE, content)
