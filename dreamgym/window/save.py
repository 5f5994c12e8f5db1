"""Saves what was driven in reality as an episode that training reads."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from dreamgym.data.episodes import SETTINGS_FILE, Episode, write_episode
from dreamgym.errors import DataError
from dreamgym.play.collect import data_definition, episode_path
from dreamgym.play.resolve import Player
from dreamgym.running.provenance import FORMATS, keep_settings


def save_episode(folder: Path, episode: Episode, player: Player) -> Path:
    """Writes an episode beside those of earlier drives, and ``collection.json``, which says what decides them.

    Raises:
        DataError: The folder holds other episodes: of another task, frame skip or way of collecting.
    """
    renderer = player.env.renderer or "fast"
    settings: dict[str, Any] = {
        "version": FORMATS["collection"],
        "task": player.task.name,
        "definition": data_definition(player.task, renderer),
        "policy": "hand",
        "renderer": renderer,
        **({} if player.frame_skip == 1 else {"frame_skip": player.frame_skip}),
    }
    keep_settings(folder / SETTINGS_FILE, settings, DataError, "name another folder with --output")
    path = first_free(lambda number: episode_path(folder, number))
    write_episode(path, episode)
    return path


def first_free(numbered: Callable[[int], Path]) -> Path:
    """The path of the lowest number that does not exist."""
    return next(path for path in map(numbered, count()) if not path.exists())
