"""Films of a policy. A film shows the same drive as the score of the same seed: it comes from the same episode loop."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from dreamgym.data.episodes import Episode
from dreamgym.errors import PolicyError
from dreamgym.evaluation.fidelity import open_loop
from dreamgym.models.dynamics import draw_posterior
from dreamgym.play.episodes import play_episodes
from dreamgym.play.game import Keep, Played
from dreamgym.play.resolve import Player, resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.policy import AnyPolicy
from dreamgym.running.checks import above, at_least, check_choice, check_settings
from dreamgym.running.seeding import Stream, generator
from dreamgym.video.columns import side_by_side
from dreamgym.video.write import check_suffix, write_video
from dreamgym.world_model import WorldModel

View = Literal["real", "latent", "dream", "compare"]
WARM_UP = 50  # real steps before the dream runs alone: the length of CarRacing's zoom-in


@dataclass(frozen=True)
class VideoSettings:
    """What a video shows."""

    env: View = "compare"
    """real: the real game; latent: V's frames beside their reconstructions; dream: the dream; compare: real frames,
    reconstructions and the dream under the same actions, side by side."""
    steps: int = 300
    """Steps at most."""
    fps: float | None = None
    """Frames per second; those of the game, or of decisions where V's frames are shown, if not given."""
    scale: int = 4
    """Magnification of V's 64x64 frames in latent and compare; 2 makes a small gif."""

    def __post_init__(self) -> None:
        check_choice("env", self.env, ("real", "latent", "dream", "compare"))
        check_settings(self, steps=at_least(1), fps=above(0), scale=at_least(1))


def record(
    policy: AnyPolicy,
    path: str | Path,
    env: EnvSettings,
    settings: VideoSettings = VideoSettings(),
    *,
    seed: int = 0,
) -> Path:
    """Films one episode of a policy.

    Args:
        policy: A policy, an agent of Stable-Baselines3, a function from observation to action, or a name or file, see
            :data:`dreamgym.policies.load.POLICY_HELP`.
        path: The ``.mp4`` or ``.gif``.
        env: Task, world model, renderer and temperature. ``settings.env`` decides what is filmed. Only ``real`` with a
            policy that does not observe needs no world model.
        settings: What the video shows.
        seed: The episode's.

    Raises:
        VideoError: The path's suffix is neither.
        PolicyError: The policy is unknown, does not fit the task, or lacks the world model that it needs.
    """
    check_suffix(path)
    dream = settings.env == "dream"
    player = resolve(policy, replace(env, env="dream" if dream else "real"))
    if player.world_model is None and settings.env != "real":
        raise PolicyError(f"filming {settings.env!r} needs a world model; name its folder")
    player = replace(player, env=replace(player.env, max_steps=min(settings.steps, player.max_steps)))
    played = _play(player, seed, "film" if settings.env in ("real", "dream") else "episode")
    if played.pictures is not None:
        label = str(settings.env)
        film = side_by_side({label: played.pictures}, {label: played.rewards}, scale=1)
        return write_video(path, film, settings.fps or played.fps)
    assert player.world_model is not None
    assert played.episode is not None
    if settings.env == "latent":
        film = _reconstruction(player.world_model, played.episode, settings.scale)
    else:
        model = player.world_model
        if env.temperature is not None:
            model = model.replace(temperature=env.temperature)
        film = comparison(model, played.episode, settings.scale)
    return write_video(path, film, settings.fps or played.fps)


def _play(player: Player, seed: int, keep: Keep) -> Played:
    (played,) = play_episodes(player, [seed], keep=keep)
    return played


def comparison(world_model: WorldModel, episode: Episode, scale: int, warm_up: int = WARM_UP) -> np.ndarray:
    """Frames of a real episode beside V's reconstruction and M's dream of it, under the same actions.

    M sees real latents for ``warm_up`` steps, then runs alone at the world model's temperature. The strip of rewards
    starts there.

    Returns:
        uint8, ``(T + 1, height, width, 3)``.
    """
    warm_up = min(warm_up, len(episode) // 2)
    rng = generator(episode.seed, Stream.OPEN_LOOP)
    mu, logvar = in_parts(world_model.encode, episode.frames)
    z = draw_posterior(mu, logvar, rng)
    dreamt, targets = open_loop(world_model, z[None], episode.actions[None], warm_up, rng)
    counted = np.arange(len(episode)) >= warm_up
    paid = world_model.task.price * targets[0] + world_model.step_cost
    columns = {
        "real": episode.frames,
        "reconstruction": _decode(world_model, mu),
        "dream": _decode(world_model, dreamt[0]),
    }
    rewards = {"real": episode.rewards * counted, "dream": paid * counted}
    return side_by_side(columns, rewards, scale, warm_up)


def _reconstruction(world_model: WorldModel, episode: Episode, scale: int) -> np.ndarray:
    columns = {"real": episode.frames, "reconstruction": reconstruct(world_model, episode.frames)}
    return side_by_side(columns, {"real": episode.rewards}, scale)


def reconstruct(world_model: WorldModel, frames: np.ndarray) -> np.ndarray:
    """V's reconstruction of frames ``(n, 64, 64, 3)``, decoded from the posterior's mean."""
    return _decode(world_model, in_parts(world_model.encode, frames)[0])


def _decode(world_model: WorldModel, z: np.ndarray) -> np.ndarray:
    return in_parts(lambda part: (world_model.decode(part),), z)[0]


def in_parts(function: Callable[[np.ndarray], tuple[np.ndarray, ...]], rows: np.ndarray) -> list[np.ndarray]:
    """Calls a function with a few rows at a time, so that V runs in NumPy and TensorFlow is not loaded."""
    parts = [function(rows[i : i + 8]) for i in range(0, len(rows), 8)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
