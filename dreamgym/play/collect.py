"""Collection: episodes of the real game, played on workers, one file each."""

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dreamgym.data.episodes import EPISODE_FORMAT, SETTINGS_FILE, decode_features, read_bytes, remove_partial
from dreamgym.errors import DataError, JobError, RemoteError, tells_of
from dreamgym.play.check_task import check_task
from dreamgym.play.job import PlayJob, describe_live, play_jobs, portable
from dreamgym.play.resolve import Player, resolve
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.policies.load import policy_file
from dreamgym.policies.policy import AnyPolicy
from dreamgym.running.files import write_whole
from dreamgym.running.jobs import Executor, as_executor
from dreamgym.running.progress import track
from dreamgym.running.provenance import FORMATS, differences, hash_arrays, keep_settings
from dreamgym.running.seeding import Stream, derive_seed, generator
from dreamgym.running.shared import Files
from dreamgym.tasks import Renderer, Task

CALM = 0.3  # of the noise


@dataclass(frozen=True)
class CollectReport:
    """The outcome of a collection."""

    folder: Path  # the episodes' folder
    kept: int  # episodes that existed before
    made: int  # episodes that were played now
    failed: tuple[tuple[int, str], ...]  # the number of each episode that could not be played, and why
    steps: int  # steps of the episodes played now
    size: int  # bytes of the episodes played now

    @property
    def episodes(self) -> int:
        """Whole episodes in the folder, of those that were asked for."""
        return self.kept + self.made


def collect(
    folder: str | Path,
    policy: AnyPolicy,
    env: EnvSettings,
    settings: CollectSettings,
    *,
    seed: int = 0,
    workers: int | Executor | None = None,
    deadline: float | None = None,
    files: Files | None = None,
) -> CollectReport:
    """Plays the real game and writes one file per episode. Existing episodes are kept.

    An episode follows from ``seed`` and its number alone. So the files do not depend on the number of workers, and a
    second call makes the missing ones exactly as the first would have. An episode that fails twice is reported.

    Args:
        folder: For ``episode-000000.tfrecord`` and so on, and ``collection.json``.
        policy: As :func:`dreamgym.evaluate` takes it. ``collection.json`` holds its name, a file's
            hash, and what :func:`dreamgym.play.job.describe_live` says of an object.
        env: The real game.
        settings: How many episodes of which kind.
        seed: Decides all episodes.
        workers: Processes, or an executor; all cores if None, and 0 plays in this process.
        deadline: Seconds per episode before its worker is replaced; by the length if None.
        files: Where the workers write the episodes and which are there; the folder then gets ``collection.json`` only.

    Raises:
        DataError: The folder holds episodes that were collected with other settings, or ``env`` is the dream.
        PolicyError: The policy is unknown, does not fit the task, or lacks the world model that it needs.
        WorldModelError: The world model is missing or broken.
        TaskError: There is no such task, its env cannot be made, or the world model is of another task.
        JobError: More than half of the missing episodes could not be played.
        RemoteError: ``files`` fails, or an episode could not be written there.
    """
    folder = Path(folder).expanduser()
    if env.env != "real":
        raise DataError("only the real game can be collected; leave out env 'dream'")
    player = resolve(policy, env)
    length = min(settings.episode_length or player.max_steps, player.task.horizon)
    player = replace(player, env=replace(env, max_steps=length, renderer=env.renderer or "fast"))
    described = _describe(player, settings, seed)
    numbers = range(settings.first_episode, settings.first_episode + settings.episodes)
    there = _keep(folder, described, files)
    named = {number: episode_path(folder, number).name for number in numbers}
    missing = _missing(folder, numbers) if files is None else [n for n, name in named.items() if name not in there]
    if missing:
        check_task(player.task, [player.env.renderer or "fast"])
    env = portable(player)
    jobs = [_job(player, env, settings, derive_seed(seed, number)) for number in missing]
    if files is not None:
        jobs = [replace(job, files=(files, (named[n],))) for job, n in zip(jobs, missing, strict=True)]
    failed: list[tuple[int, str]] = []
    steps = size = 0
    with as_executor(workers) as executor:
        results = play_jobs(executor, jobs, deadline)
        for result in track(results, len(missing), f"collecting {folder.name}"):
            number = missing[result.index]
            if result.error is not None:
                failed.append((number, result.error))
                continue
            (played,) = result.value
            if files is None:
                write_whole(episode_path(folder, number), played.content)
            steps, size = steps + played.length, size + (played.stored or len(played.content))
    _report_failures(failed, len(missing))
    made = len(missing) - len(failed)
    return CollectReport(folder, settings.episodes - len(missing), made, tuple(failed), steps, size)


def _job(player: Player, env: EnvSettings, settings: CollectSettings, seed: int) -> PlayJob:
    """One episode. Its seed decides how noisy it is and where it starts."""
    calm, anywhere = generator(seed, Stream.COLLECTION).random(2)
    noise = settings.noise * (CALM if calm < settings.calm else 1.0)
    options = player.task.start_options if anywhere < settings.random_starts else None
    return PlayJob(player.source, env, (seed,), noise, start_options=options, keep="file")


def episode_path(folder: Path, number: int) -> Path:
    """The file of an episode."""
    return folder / f"episode-{number:06d}.tfrecord"


def _report_failures(failed: list[tuple[int, str]], missing: int) -> None:
    if unwritten := [reason for _, reason in failed if tells_of(reason, RemoteError)]:
        raise RemoteError(
            f"{len(unwritten)} of {missing} episodes could not be written, the last one: {unwritten[-1]}; when that "
            "is mended, the same command goes on"
        )
    if 2 * len(failed) > missing:
        raise JobError(f"{len(failed)} of {missing} episodes could not be played, the last one: {failed[-1][1]}")
    for number, reason in failed:
        warnings.warn(f"episode {number} could not be played: {reason}; collect again to retry it", stacklevel=3)


def _describe(player: Player, settings: CollectSettings, seed: int) -> dict[str, Any]:
    """What decides the episodes. Files are described by their content, not by their path."""
    policy = player.source
    described: dict[str, Any] = {"policy": policy} if isinstance(policy, str) else describe_live(policy)
    if isinstance(policy, str) and (path := policy_file(policy)) is not None:
        described = {"policy": path.name, "policy_sha256": hashlib.sha256(read_bytes(path)).hexdigest()}
    if player.policy.needs_latents and player.world_model is not None:
        model = player.world_model
        described["world_model"] = hash_arrays({**model.vision, **model.memory._asdict()})
    return {
        "version": FORMATS["collection"],
        "task": player.task.name,
        "definition": data_definition(player.task, player.env.renderer),
        **described,
        "episode_length": player.max_steps,
        "seed": seed,
        "renderer": player.env.renderer,
        "random_starts": settings.random_starts,
        "noise": settings.noise,
        **({"calm": settings.calm} if settings.calm else {}),
        **({} if player.frame_skip == 1 else {"frame_skip": player.frame_skip}),  # earlier versions had no other
    }


def data_definition(task: Task, renderer: Renderer | None) -> dict[str, Any]:
    """What of a task decides its episodes, besides the settings of a collection."""
    names = ("env_kwargs", "frame_key", "frame_rows", "target", "start_options", "exploration")
    kept = {name: task.definition[name] for name in names}
    return kept | {"env_id": task.played_env_id(renderer or "fast")}


def check_collections(folders: Sequence[Path], task: Task) -> None:
    """Checks that episodes or latents in folders are of a task as it is now. One that does not say so is accepted.

    Raises:
        DataError: Another task, or an earlier definition of it, made them.
    """
    for folder in folders:
        name = collected_task(folder) or task.name
        if name != task.name:
            raise DataError(f"{folder} holds episodes of task {name!r}, not of {task.name!r}; name theirs with --task")
        saved = _read_settings(folder)
        now = data_definition(task, saved.get("renderer"))
        if changes := differences(saved.get("definition") or now, now):
            raise DataError(
                f"{folder} was collected when task {name!r} was another ({', '.join(changes)}); collect again, or take "
                "the change back"
            )


def collected_task(folder: Path) -> str | None:
    """The name of the task that a folder of episodes or latents is of; None if it does not say."""
    return _read_settings(folder).get("task")


def collected_frame_skip(folders: Sequence[Path]) -> int:
    """The frame skip that episodes or latents in folders were collected with; 1 where none says.

    Raises:
        DataError: They were collected with different ones.
    """
    skips = {str(folder): _read_settings(folder).get("frame_skip", 1) for folder in folders}
    if len(set(skips.values())) > 1:
        raise DataError(f"episodes have different frame skips: {skips}")
    return int(next(iter(skips.values()), 1))


def _read_settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS_FILE
    try:
        saved = json.loads(path.read_text()) if path.is_file() else {}
        if not isinstance(saved, dict):
            raise ValueError(f"it holds a {type(saved).__name__}")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is broken ({error}); collect into another folder") from error
    return saved


def _keep(folder: Path, described: Mapping[str, Any], files: Files | None) -> set[str]:
    """Keeps the settings here, and where the episodes go before the first of them. Returns what is there."""
    there, path = set() if files is None else files.names(), folder / SETTINGS_FILE
    if files is not None and SETTINGS_FILE in there and not path.exists():
        write_whole(path, files.get(SETTINGS_FILE))
    keep_settings(path, described, DataError, "collect into another folder", new=["definition"])
    if files is not None and SETTINGS_FILE not in there:
        files.put(SETTINGS_FILE, path.read_bytes())
    return there


def _missing(folder: Path, numbers: Iterable[int]) -> list[int]:
    """The numbers of the episodes that are missing or broken. Removes partial files of a killed run."""
    remove_partial(folder)
    missing = []
    for number in numbers:
        path = episode_path(folder, number)
        try:
            decode_features(path.read_bytes(), EPISODE_FORMAT, path)
        except FileNotFoundError:
            missing.append(number)
        except DataError as error:
            warnings.warn(f"{error} - it is made anew", stacklevel=3)
            missing.append(number)
    return missing
