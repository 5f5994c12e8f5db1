"""Collection: episodes of a real game, played on many workers, one file each."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data.episodes import EPISODE_FORMAT, EPISODE_VERSION, decode_features, read_bytes
from dreamgym.data.latents import vision_stamp
from dreamgym.errors import DataError, JobError
from dreamgym.files import write_whole
from dreamgym.jobs import default_workers, run_jobs
from dreamgym.play import PlayJob, check_eyes, play_deadline, play_job
from dreamgym.policies import load_policy
from dreamgym.progress import track
from dreamgym.resolve import resolve_task
from dreamgym.tasks import Renderer, Task, get_task
from dreamgym.world_model import WorldModel

SETTINGS_FILE, SETTINGS_VERSION = "collection.json", 1


@dataclass(frozen=True)
class CollectReport:
    """What a collection came to.

    Attributes:
        folder: Where the episodes lie.
        kept: Episodes that were there already.
        made: Episodes that were played now.
        failed: The number of each episode that could not be played, and why.
        steps: Steps of the episodes played now.
        size: Bytes of the episodes played now.
    """

    folder: Path
    kept: int
    made: int
    failed: tuple[tuple[int, str], ...]
    steps: int
    size: int

    @property
    def episodes(self) -> int:
        """Whole episodes there are now."""
        return self.kept + self.made


def collect(
    folder: str | Path,
    *,
    task: str,
    policy: str,
    episodes: int,
    episode_length: int | None = None,
    workers: int | None = None,
    seed: int = 0,
    renderer: Renderer = "fast",
    random_starts: bool = True,
    noise: float = 0.0,
    world_model: str | Path | None = None,
    deadline: float | None = None,
) -> CollectReport:
    """Plays the real game and writes one file an episode; episodes that are there already are kept.

    An episode follows from ``seed`` and its number alone, so the files do not depend on the number of workers, and
    a second call makes the missing ones as the first would have. An episode that fails twice is reported.

    Args:
        folder: For ``episode-000000.tfrecord`` and so on, and ``collection.json``.
        task: A registered name, or ``package.module:TASK``, which spawned workers can find as well.
        policy: As :func:`dreamgym.policies.load_policy` takes it.
        episodes: How many there shall be.
        episode_length: Steps an episode at most; the task's horizon if None.
        workers: Processes; all cores if None, and 0 plays in this process.
        seed: Decides all episodes.
        renderer: ``fast`` or ``stock``.
        random_starts: Whether to begin where the task's start options spread the beginnings.
        noise: The scale of smooth noise on the policy's actions.
        world_model: What the policy looks through, if it looks.
        deadline: Seconds an episode may take before its worker is replaced; by the length if None.

    Raises:
        DataError: The folder holds episodes that were collected with other settings.
        PolicyError: The policy is unknown, does not fit the task, or looks and has no world model.
        JobError: More than half of the missing episodes could not be played.
    """
    folder = Path(folder)
    known = get_task(task)
    length = min(episode_length or known.horizon, known.horizon)
    if episodes < 1 or length < 1:
        raise DataError(f"nothing to collect: {episodes} episodes of {length} steps, expected at least 1 of each")
    settings = {
        "version": SETTINGS_VERSION,
        "task": known.name,
        **_describe_policy(known, policy, world_model),
        "episode_length": length,
        "seed": seed,
        "renderer": renderer,
        "random_starts": random_starts,
        "noise": noise,
    }
    _keep_settings(folder, settings)
    missing = _missing(folder, episodes)
    jobs = [
        PlayJob(
            task=task,
            policy=policy,
            seeds=(episode_seed(seed, number),),
            world_model=None if world_model is None else str(world_model),
            noise=noise,
            renderer=renderer,
            max_steps=length,
            start_options=known.start_options if random_starts else None,
            keep="file",
        )
        for number in missing
    ]
    failed, steps, size = [], 0, 0
    limit = deadline or play_deadline(length)
    results = run_jobs(play_and_encode, jobs, workers=default_workers() if workers is None else workers, deadline=limit)
    for result in track(results, len(jobs), f"collecting {folder.name}"):
        number = missing[result.index]
        if result.error is not None:
            failed.append((number, result.error))
            continue
        n_steps, content = result.value
        write_whole(episode_path(folder, number), content)
        steps, size = steps + n_steps, size + len(content)
    if 2 * len(failed) > len(missing):
        raise JobError(f"{len(failed)} of {len(missing)} episodes could not be played, the last one: {failed[-1][1]}")
    for number, reason in failed:
        warnings.warn(f"episode {number} could not be played: {reason}; collect again to try it again", stacklevel=2)
    made = len(missing) - len(failed)
    return CollectReport(folder, episodes - len(missing), made, tuple(failed), steps, size)


def play_and_encode(job: PlayJob) -> tuple[int, bytes]:
    """What a worker does: plays the job's one episode and gives its length and the content of its file."""
    (played,) = play_job(job)
    assert played.content is not None
    return played.length, played.content


def episode_seed(seed: int, number: int) -> int:
    """The seed of an episode, below ``2**31``: a good mixture of the collection's seed and the episode's number."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


def episode_path(folder: Path, number: int) -> Path:
    """Where an episode lies."""
    return folder / f"episode-{number:06d}.tfrecord"


def _describe_policy(task: Task, policy: str, world_model: str | Path | None) -> dict[str, Any]:
    """What makes a policy the same one: a file's content rather than its place."""
    model = None if world_model is None else WorldModel.load(world_model)
    known, codec = resolve_task(task, model)
    player = load_policy(policy, known, codec)
    check_eyes(player, model)
    described: dict[str, Any] = {"policy": policy}
    if Path(policy).is_file():
        described = {"policy": Path(policy).name, "policy_sha256": hashlib.sha256(read_bytes(Path(policy))).hexdigest()}
    if player.needs_latents and model is not None:
        described["world_model"] = vision_stamp({**model.vision, **model.memory._asdict()})
    return described


def _keep_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    path = folder / SETTINGS_FILE
    if not path.exists():
        write_whole(path, json.dumps(dict(settings), indent=2).encode())
        return
    try:
        found = json.loads(path.read_text())
        different = {key: found.get(key) for key in {*found, *settings} if found.get(key) != settings.get(key)}
    except (ValueError, AttributeError, OSError) as error:
        raise DataError(f"{path} is broken ({error}); collect into another folder") from error
    if different:
        changes = ", ".join(f"{key} {value!r}, now {settings.get(key)!r}" for key, value in sorted(different.items()))
        raise DataError(f"{folder} was collected with other settings ({changes}); collect into another folder")


def _missing(folder: Path, episodes: int) -> list[int]:
    """The numbers of the episodes that are not there whole; what a killed run left behind is swept up."""
    for part in folder.glob(".episode-*.part"):
        part.unlink(missing_ok=True)
    missing = []
    for number in range(episodes):
        path = episode_path(folder, number)
        try:
            decode_features(path.read_bytes(), EPISODE_FORMAT, EPISODE_VERSION, path)
        except FileNotFoundError:
            missing.append(number)
        except DataError as error:
            warnings.warn(f"{error} - it is made anew", stacklevel=3)
            missing.append(number)
    return missing
