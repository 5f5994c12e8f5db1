"""The stages of a pipeline that gather data: collection, and encoding to latents."""

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamgym.data.encode import encode_rollouts
from dreamgym.data.encode_job import Place
from dreamgym.models.arrays import load_vision
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.play.collect import CollectReport, collect
from dreamgym.running.jobs import Executor
from dreamgym.storage.mirror import Mirror
from dreamgym.storage.remote_files import RemoteFiles


@dataclass(frozen=True)
class Gathering:
    """Collection and encoding in the rounds of one experiment."""

    experiment: Experiment  # the folder
    settings: PipelineSettings  # all settings
    executor: Executor  # plays and encodes
    mirror: Mirror | None = None  # with the remote that the executor's workers read and write; None if they do not

    def shared(self, kind: str, round_: int) -> list[Path]:
        """The folders that the workers of a stage read and write in the remote."""
        at = self.experiment
        folders = {"collect": [at.rollouts(round_)], "latents": [at.rollouts(round_), at.latents(round_)]}
        return [] if self.mirror is None else folders.get(kind, [])

    def collect(self, round_: int) -> dict[str, Any]:
        """Plays the real game: by the random policy first, later by the latest controller with noise."""
        report = self._collect(round_)
        return {"episodes": report.episodes, "failed": len(report.failed)}

    def encode(self, round_: int) -> dict[str, Any]:
        """Encodes a round's episodes with V. Those that are damaged in the remote are played again as they were."""
        at, vision = self.experiment, load_vision(self.experiment.vision)
        folders = at.rollouts(round_), at.latents(round_)
        if self.mirror is None:
            return {"episodes": encode_rollouts(*folders, vision, executor=self.executor).episodes}
        place = Place(self._files(folders[0]), self._files(folders[1]))
        report = encode_rollouts(*folders, vision, executor=self.executor, place=place)
        if report.failed:
            self._collect(round_, {path.name for path in report.failed})
            report = encode_rollouts(*folders, vision, executor=self.executor, place=place)
        return {"episodes": report.episodes}

    def _collect(self, round_: int, again: Set[str] = frozenset()) -> CollectReport:
        at, first = self.experiment, round_ == 0
        files = None if self.mirror is None else self._files(at.rollouts(round_)).without(again)
        return collect(
            at.rollouts(round_),
            "smoothed" if first else str(at.round_latest(round_ - 1)),
            self.settings.env(None if first else at.round_world_model(round_ - 1)),
            self.settings.random if first else self.settings.on_policy,
            seed=self.settings.round_seed(round_),
            workers=self.executor,
            files=files,
        )

    def _files(self, folder: Path) -> RemoteFiles:
        assert self.mirror is not None
        return self.mirror.files(self.experiment.inside(folder))
