"""The folder of a run: where everything lies, what it was made with, and which pieces are finished."""

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamgym.errors import ExperimentError
from dreamgym.files import write_whole

FORMAT_VERSION = 1
PACKAGES = ("dreamgym", "gymnasium", "tensorflow", "keras", "numpy", "cma", "box2d", "pygame-ce", "numba")


def default_home() -> Path:
    """Where experiments lie: ``DREAMGYM_HOME``, or ``~/world-models-experiments``."""
    return Path(os.environ.get("DREAMGYM_HOME") or "~/world-models-experiments").expanduser()


def package_versions() -> dict[str, str]:
    """The versions of Python and of the packages that results depend on, those that are installed."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


@dataclass(frozen=True)
class Experiment:
    """An experiment's folder; this class alone knows what lies where in it.

    Attributes:
        folder: The root.
    """

    folder: Path

    @classmethod
    def named(cls, name: str | Path) -> "Experiment":
        """The experiment of a name under :func:`default_home`, or of a path.

        A single word is a path only where an experiment lies there already, so that no folder that happens to
        have the name is written into.
        """
        path = Path(name).expanduser()
        is_path = len(path.parts) != 1 or path.is_absolute() or (path / "config.json").is_file()
        return cls(path if is_path else default_home() / path)

    @property
    def config_path(self) -> Path:
        """Every setting of every stage."""
        return self.folder / "config.json"

    def rollouts(self, round_: int, policy: str) -> Path:
        """Episodes that a policy collected for a round."""
        return self.folder / "rollouts" / f"{round_}-{policy}"

    def latents(self, rollouts: Path) -> Path:
        """What V makes of a folder of rollouts."""
        return self.folder / "latents" / rollouts.name

    def rollout_folders(self) -> list[Path]:
        """All folders of rollouts there are, by round."""
        folders = [path for path in (self.folder / "rollouts").glob("*-*") if path.is_dir()]
        return sorted(folders, key=lambda path: (_round_of(path), path.name))

    @property
    def vision_training(self) -> Path:
        """V's checkpoints and logs."""
        return self.folder / "training" / "vision"

    def memory_training(self, round_: int) -> Path:
        """M's checkpoints and logs of a round."""
        return self.folder / "training" / "memory" / f"round-{round_}"

    def round_world_model(self, round_: int) -> Path:
        """The world model that a round's controller was trained in."""
        return self.folder / "world_models" / f"round-{round_}"

    @property
    def world_model(self) -> Path:
        """The world model of the controller that was kept."""
        return self.folder / "world_model"

    def controller(self, round_: int) -> Path:
        """A round's search: log, generations, checkpoints."""
        return self.folder / "controller" / f"round-{round_}"

    @property
    def best_controller(self) -> Path:
        """The controller that was kept."""
        return self.folder / "controller" / "best.npz"

    @property
    def evaluation(self) -> Path:
        """Scores."""
        return self.folder / "evaluation"

    @property
    def videos(self) -> Path:
        """Recordings."""
        return self.folder / "videos"

    def write_config(self, settings: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> None:
        """Notes what the experiment is made with.

        Args:
            settings: Plain JSON data, nested or not.
            defaults: What an older experiment was made with where its config does not name a setting yet.

        Raises:
            ExperimentError: The folder already holds an experiment with other settings.
        """
        plain, known = (json.loads(json.dumps(dict(values or {}))) for values in (settings, defaults))
        if self.config_path.exists():
            self._check_same(self.read_config()["settings"], plain, known)
            return
        config = {
            "format": "dreamgym experiment",
            "version": FORMAT_VERSION,
            "settings": plain,
            "packages": package_versions(),
            "made": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        write_whole(self.config_path, json.dumps(config, indent=2).encode())

    def read_config(self) -> dict[str, Any]:
        """What :meth:`write_config` wrote.

        Raises:
            ExperimentError: The folder holds no experiment, or a broken one.
        """
        try:
            config = json.loads(self.config_path.read_text())
            if config["format"] != "dreamgym experiment":
                raise ValueError(f"its format is {config['format']!r}")
            if int(config["version"]) > FORMAT_VERSION:
                raise ValueError(f"it has version {config['version']}, this dreamgym reads up to {FORMAT_VERSION}")
            if not isinstance(config["settings"], dict):
                raise ValueError(f"its settings are {config['settings']!r}")
        except FileNotFoundError as error:
            raise ExperimentError(f"{self.folder} holds no experiment: {self.config_path.name} is missing") from error
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ExperimentError(f"{self.config_path} is not an experiment's config ({error})") from error
        return config

    def is_done(self, stage: str) -> bool:
        """Whether a stage is finished."""
        return self._done_path(stage).exists()

    def done(self, stage: str) -> dict[str, Any]:
        """What a finished stage noted; empty if it is not finished.

        Raises:
            ExperimentError: The note is broken.
        """
        path = self._done_path(stage)
        try:
            return json.loads(path.read_text()) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise ExperimentError(f"{path} is broken ({error}); delete it to do the stage again") from error

    def mark_done(self, stage: str, **figures: Any) -> None:
        """Notes that a stage is finished, with the figures that belong to it."""
        write_whole(self._done_path(stage), json.dumps(figures, indent=2).encode())

    def _done_path(self, stage: str) -> Path:
        return self.folder / "stages" / f"{stage}.json"

    def _check_same(self, old: Mapping[str, Any], new: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        before, after = dict(_flatten(defaults)) | dict(_flatten(old)), dict(_flatten(new))
        keys = sorted({*before, *after})
        differing = [key for key in keys if before.get(key, "nothing") != after.get(key, "nothing")]
        if differing:
            changes = ", ".join(
                f"{key}: {before.get(key, 'nothing')!r} became {after.get(key, 'nothing')!r}" for key in differing
            )
            raise ExperimentError(
                f"{self.folder} was begun with other settings ({changes}); "
                "use the old ones to go on, or another name to begin anew"
            )


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as ``("vision.epochs", 10)`` and the like."""
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _round_of(path: Path) -> int:
    number = path.name.partition("-")[0]
    return int(number) if number.isdigit() else 0
