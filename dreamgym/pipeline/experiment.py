"""An experiment's folder: where its files are, its settings, and which stages are finished."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamgym.errors import ExperimentError
from dreamgym.running.files import write_whole
from dreamgym.running.provenance import FORMATS, check_format, differences, package_versions
from dreamgym.storage.mirror import Mirror
from dreamgym.storage.remote import Remote

_FORMAT_NAME = "dreamgym experiment"


def default_home() -> Path:
    """The folder of all experiments: ``DREAMGYM_HOME``, or ``~/world-models-experiments``."""
    return Path(os.environ.get("DREAMGYM_HOME") or "~/world-models-experiments").expanduser()


@dataclass(frozen=True)
class Experiment:
    """An experiment's folder. This class alone knows the paths in it."""

    folder: Path  # the root

    @classmethod
    def named(cls, name: str | Path) -> "Experiment":
        """The experiment of a name under :func:`default_home`, or of a path.

        A single word without a slash is a path only if an experiment lies there, so that no unrelated folder of that
        name is used.
        """
        path = Path(name).expanduser()
        slash = any(sign in str(name) for sign in filter(None, (os.sep, os.altsep)))  # Path drops that of "./name"
        is_path = slash or len(path.parts) != 1 or (path / "config.json").is_file()
        return cls(path if is_path else default_home() / path)

    @property
    def config_path(self) -> Path:
        """All settings, as JSON."""
        return self.folder / "config.json"

    @property
    def report(self) -> Path:
        """The experiment as one page."""
        return self.folder / "report.html"

    @property
    def remote(self) -> str | None:
        """The address of the remote that its config names; None if there is no config, or it names none."""
        return self.read_config().get("remote") if self.config_path.exists() else None

    def mirror(self, remote: str | None = None) -> Mirror | None:
        """The experiment and a remote, or the one that its config names; None if there is none.

        The config goes first, so that no other experiment's files get among this one's; what says that a stage is
        finished goes last.
        """
        url = remote or self.remote
        if url is None:
            return None
        return Mirror(self.folder, Remote(url), (self.inside(self.config_path),), (self.inside(self.stages),))

    def inside(self, path: Path) -> str:
        """A path in the folder as the remote names it."""
        return path.relative_to(self.folder).as_posix()

    @property
    def stages(self) -> Path:
        """The notes that stages are finished."""
        return self.folder / "stages"

    def stage_path(self, stage: str) -> Path:
        """The note that a stage is finished, with its metrics."""
        return self.stages / f"{stage}.json"

    def rollouts(self, round_: int) -> Path:
        """A round's episodes."""
        return self.folder / "rollouts" / f"{round_}-{'smoothed' if round_ == 0 else 'controller'}"

    def latents(self, round_: int) -> Path:
        """The latents of a round's episodes."""
        return self.folder / "latents" / self.rollouts(round_).name

    @property
    def vision_training(self) -> Path:
        """V's checkpoints and logs."""
        return self.folder / "training" / "vision"

    @property
    def vision(self) -> Path:
        """V."""
        return self.vision_training / "vision.npz"

    def memory_training(self, round_: int, member: int) -> Path:
        """Checkpoints and logs of one M of a round's ensemble."""
        return self.folder / "training" / "memory" / f"round-{round_}" / f"member-{member}"

    def memory(self, round_: int, member: int) -> Path:
        """One M of a round's ensemble."""
        return self.memory_training(round_, member) / "memory.npz"

    def round_world_model(self, round_: int) -> Path:
        """The world model that a round's controller is trained in."""
        return self.folder / "world_models" / f"round-{round_}"

    @property
    def world_model(self) -> Path:
        """The world model of the selected controller."""
        return self.folder / "world_model"

    def search(self, round_: int) -> Path:
        """A round's search: log, generations, checkpoints."""
        return self.folder / "controller" / f"round-{round_}"

    def round_best(self, round_: int) -> Path:
        """The checkpoint of a round that has the best score."""
        return self.search(round_) / "best.npz"

    def round_latest(self, round_: int) -> Path:
        """The last mean of a round's search."""
        return self.search(round_) / "latest.npz"

    def round_controllers(self, round_: int) -> tuple[Path, Path]:
        """The best and the latest controller of a round."""
        return self.round_best(round_), self.round_latest(round_)

    @property
    def controller(self) -> Path:
        """The selected controller."""
        return self.folder / "controller" / "best.npz"

    @property
    def selection(self) -> Path:
        """The scores that it was selected by."""
        return self.folder / "controller" / "selection.json"

    def scores(self, episodes: int) -> Path:
        """The scores of the selected controller and its baselines."""
        return self.folder / "evaluation" / f"real-{episodes}.json"

    @property
    def videos(self) -> Path:
        """Videos."""
        return self.folder / "videos"

    def video(self, suffix: str) -> Path:
        """The video of the selected controller; ``suffix`` is ``mp4`` or ``gif``."""
        return self.videos / f"real-reconstruction-dream.{suffix}"

    def write_config(
        self,
        settings: Mapping[str, Any],
        *,
        definition: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
        remote: str | None = None,
    ) -> None:
        """Saves the settings and the task's definition, or checks that the saved ones are the same.

        ``defaults`` completes older configs. The same task may come from another module than when it was begun; the
        config then names the new one. ``remote`` is kept if the config names none.
        """
        if self.config_path.exists():
            config = self.read_config()
            saved = _merge(dict(defaults or {}), config["settings"])
            if definition is not None and "task" in config:
                self._refuse("another task", differences(config["task"], definition))
                saved["task"] = settings["task"]
            self._refuse("other settings", differences(saved, settings))
            before = json.dumps(config)
            config["settings"]["task"] = saved["task"]
            if remote is not None:
                config.setdefault("remote", remote)
            if json.dumps(config) != before:
                write_whole(self.config_path, json.dumps(config, indent=2).encode())
            return
        config = {
            "format": _FORMAT_NAME,
            "version": FORMATS["experiment"],
            "settings": dict(settings),
            **({} if definition is None else {"task": dict(definition)}),
            **({} if remote is None else {"remote": remote}),
            "packages": package_versions(),
            "made": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        write_whole(self.config_path, json.dumps(config, indent=2).encode())

    def _refuse(self, what: str, changes: list[str]) -> None:
        if changes:
            raise ExperimentError(
                f"{self.folder} was begun with {what} ({', '.join(changes)}); "
                "use the old ones to continue, or another name to begin anew"
            )

    def read_config(self) -> dict[str, Any]:
        """Reads what :meth:`write_config` wrote."""
        try:
            config = json.loads(self.config_path.read_text())
            if config["format"] != _FORMAT_NAME:
                raise ValueError(f"its format is {config['format']!r}")
            check_format("experiment", config["version"])
            if not isinstance(config["settings"], dict):
                raise ValueError(f"its settings are {config['settings']!r}")
        except FileNotFoundError as error:
            raise ExperimentError(f"{self.folder} holds no experiment: {self.config_path.name} is missing") from error
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ExperimentError(f"{self.config_path} is not an experiment's config ({error})") from error
        return config

    def is_done(self, stage: str) -> bool:
        """Whether a stage is finished."""
        return self.stage_path(stage).exists()

    def metrics(self, stage: str) -> dict[str, Any]:
        """The metrics of a finished stage; empty if it is not finished. A broken note is an ExperimentError."""
        path = self.stage_path(stage)
        try:
            return json.loads(path.read_text()) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise ExperimentError(f"{path} is broken ({error}); delete it to run the stage again") from error

    def mark_done(self, stage: str, **metrics: Any) -> None:
        """Notes that a stage is finished, with its metrics."""
        write_whole(self.stage_path(stage), json.dumps(metrics, indent=2).encode())


def _merge(defaults: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(defaults)
    for key, value in settings.items():
        before = merged.get(key)
        merged[key] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
