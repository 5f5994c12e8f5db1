"""Videos: frames to mp4 and gif, and a policy recorded in the real game, in the dream, or in both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.columns import side_by_side
from dreamgym.dynamics import sample_posterior
from dreamgym.envs.dream import DreamEnv
from dreamgym.errors import PolicyError, VideoError
from dreamgym.fidelity import open_loop
from dreamgym.play import LatentFollower
from dreamgym.policies import Policy, load_policy
from dreamgym.resolve import resolve_task, resolve_world_model, saved
from dreamgym.tasks import Renderer, Task
from dreamgym.world_model import WorldModel

RecordEnv = Literal["real", "latent", "dream", "compare"]
WARM_UP = 50  # real frames that M sees before it dreams on alone: the length of the game's own zoom-in


def write_video(path: str | Path, frames: Sequence[np.ndarray] | np.ndarray, fps: float = 50) -> Path:
    """Writes frames as H.264 in an ``.mp4`` that every browser plays, or as a small ``.gif``.

    Args:
        path: Where to, ``.mp4`` or ``.gif``; appears whole or not at all.
        frames: uint8, ``(T, height, width, 3)``; an odd height or width loses its last line, as H.264 wants.
        fps: Frames a second. A gif shows at most 50.

    Raises:
        VideoError: The suffix is another, or there are no frames of that shape.
    """
    path = Path(path)
    check_suffix(path)
    pictures = np.asarray(frames)
    if pictures.ndim != 4 or pictures.shape[-1] != 3 or pictures.dtype != np.uint8 or len(pictures) == 0:
        raise VideoError(f"frames are {pictures.dtype} of shape {pictures.shape}, expected uint8 (T, height, width, 3)")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        _write_gif(part, pictures, fps) if path.suffix == ".gif" else _write_mp4(part, pictures, fps)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def check_suffix(path: str | Path) -> None:
    """Says at once, before anything is played, that a file's name will not do.

    Raises:
        VideoError: The name ends in neither ``.mp4`` nor ``.gif``.
    """
    if Path(path).suffix not in (".mp4", ".gif"):
        raise VideoError(f"cannot write {path}: expected a name that ends in .mp4 or .gif")


def _write_mp4(path: Path, frames: np.ndarray, fps: float) -> None:
    import imageio

    height, width = frames.shape[1] // 2 * 2, frames.shape[2] // 2 * 2
    options = ["-movflags", "+faststart", "-crf", "26"]
    with imageio.get_writer(
        path, fps=fps, codec="libx264", quality=None, pixelformat="yuv420p", macro_block_size=2, output_params=options
    ) as writer:
        for frame in frames[:, :height, :width]:
            writer.append_data(frame)


def _write_gif(path: Path, frames: np.ndarray, fps: float) -> None:
    """One palette for all frames, without dithering: pixels that stay the same then cost nothing."""
    from PIL import Image

    step = max(len(frames) // 16, 1)
    sample = np.concatenate(list(frames[::step]))
    palette = Image.fromarray(sample).quantize(64, dither=Image.Dither.NONE)
    pictures = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    duration = max(round(1000 / fps), 20)  # ms; browsers slow down what is quicker
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration, loop=0, optimize=False)


@dataclass(frozen=True)
class Episode:
    """What was seen of an episode of T steps.

    Attributes:
        frames: What V sees, uint8 ``(T + 1, 64, 64, 3)``.
        pictures: What people see, uint8 ``(T + 1, height, width, 3)``; without rows if it was not drawn.
        codes: Coded actions, ``(T, A)`` float32.
        rewards: The game's, ``(T,)``.
    """

    frames: np.ndarray
    pictures: np.ndarray
    codes: np.ndarray
    rewards: np.ndarray


def record(
    policy: Policy | str,
    path: str | Path,
    *,
    env: RecordEnv = "compare",
    world_model: WorldModel | str | Path | None = None,
    task: Task | str | None = None,
    renderer: Renderer = "fast",
    steps: int = 300,
    seed: int = 0,
    fps: float = 50,
    temperature: float | None = None,
    scale: int = 4,
) -> Path:
    """Records one episode of a policy.

    Args:
        policy: A policy, or how a command line names one, see :func:`dreamgym.policies.load_policy`.
        path: The ``.mp4`` or ``.gif``.
        env: ``real``, the real game; ``latent``, its frames beside V's reconstruction; ``dream``; or ``compare``,
            see :func:`record_comparison`.
        world_model: A folder, a pretrained name or a live one; only the real game with a policy that does not
            look can do without.
        task: The world model's if None.
        renderer: The real game's, ``fast`` or ``stock``.
        steps: At most.
        seed: Of the episode.
        fps: Frames a second.
        temperature: The dream's; the world model's own if None.
        scale: How many times as large as V's frames the columns of ``latent`` and ``compare`` are.

    Raises:
        VideoError: The path's suffix is neither.
        PolicyError: The policy is unknown, does not fit the task, or lacks the world model it needs.
    """
    check_suffix(path)
    if env not in ("real", "latent", "dream", "compare"):
        raise VideoError(f"env is {env!r}, expected 'real', 'latent', 'dream' or 'compare'")
    known = resolve_world_model(world_model)
    if known is None and env != "real":
        raise PolicyError(f"recording env {env!r} needs a world model; pass its folder")
    if known is not None and temperature is not None:
        known = known.replace(temperature=temperature)
    place, codec = resolve_task(task, known)
    player = load_policy(policy, place, codec) if isinstance(policy, str) else policy
    if env == "compare":
        assert known is not None
        return record_comparison(known, player, seed, steps, path, renderer=renderer, fps=fps, scale=scale)
    if env == "dream":
        assert known is not None
        pictures, rewards = _dream(known, player, seed, steps)
        return write_video(path, side_by_side({"dream": pictures}, {"dream": rewards}, scale=1), fps)
    episode = play(place, codec, player, known, seed, steps, renderer, draw=env == "real")
    if env == "real":
        return write_video(path, side_by_side({"real": episode.pictures}, {"real": episode.rewards}, scale=1), fps)
    assert known is not None
    columns = {"real": episode.frames, "reconstruction": reconstruct(known, episode.frames)}
    return write_video(path, side_by_side(columns, {"real": episode.rewards}, scale), fps)


def record_comparison(
    world_model: WorldModel,
    policy: Policy,
    seed: int,
    steps: int,
    path: str | Path,
    *,
    renderer: Renderer = "fast",
    warm_up: int = WARM_UP,
    fps: float = 50,
    scale: int = 4,
) -> Path:
    """Records the real game, V's reconstruction of it and M's dream of it, in step and under the same actions.

    The policy plays the real game. M follows the real frames for ``warm_up`` steps and dreams on alone, at the
    world model's temperature, under the actions that were played; the strip counts rewards from there on.
    """
    check_suffix(path)
    episode = play(world_model.task, world_model.codec, policy, world_model, seed, steps, renderer)
    warm_up = min(warm_up, len(episode.codes) // 2)
    rng = np.random.default_rng([seed, 11])
    mu, logvar = in_parts(world_model.encode, episode.frames)
    z = sample_posterior(np, mu, logvar, rng.standard_normal(mu.shape, np.float32))
    dreamt, targets = open_loop(world_model, z[None], episode.codes[None], warm_up, rng)
    (pictures,) = in_parts(lambda part: (world_model.decode(part),), dreamt[0])
    counted = np.arange(len(episode.codes)) >= warm_up
    paid = world_model.task.price * targets[0] + world_model.task.step_cost
    film = side_by_side(
        {"real": episode.frames, "reconstruction": reconstruct(world_model, episode.frames), "dream": pictures},
        {"real": episode.rewards * counted, "dream": paid * counted},
        scale,
        warm_up,
    )
    return write_video(path, film, fps)


def play(
    task: Task,
    codec: ActionCodec,
    policy: Policy,
    world_model: WorldModel | None,
    seed: int,
    steps: int,
    renderer: Renderer = "fast",
    draw: bool = False,
) -> Episode:
    """Plays one episode of the real game, at most ``steps`` long, and keeps what was seen.

    Drawing what people see, where ``draw`` asks for it, takes as long again as playing.
    """
    if policy.needs_latents and world_model is None:
        raise PolicyError(f"policy {policy.name!r} looks at latents; pass a world model's folder")
    follower = LatentFollower(world_model) if policy.needs_latents and world_model else None
    env = task.make_env(renderer, render_mode="rgb_array" if draw else None)
    try:
        policy.reset(seed)
        frames = [task.frame(env.reset(seed=seed)[0])]
        pictures = [env.render()] if draw else []
        latent = follower.reset(frames[0], np.random.default_rng([seed, 12])) if follower else None
        codes, rewards = [], []
        for _ in range(steps):
            codes.append(codec.encode(policy(latent)))
            observation, reward, terminated, truncated, _ = env.step(codec.decode(codes[-1]))
            frames.append(task.frame(observation))
            pictures += [env.render()] if draw else []
            rewards.append(float(reward))
            if terminated or truncated:
                break
            latent = follower.step(frames[-1], codes[-1]) if follower else None
    finally:
        env.close()
    return Episode(np.stack(frames), np.array(pictures), np.stack(codes), np.array(rewards))


def _dream(world_model: WorldModel, policy: Policy, seed: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    with saved(world_model) as folder:
        env = DreamEnv(folder, max_episode_steps=steps, render_mode="rgb_array")
    policy.reset(seed)
    observation, _ = env.reset(seed=seed)
    pictures, rewards, over = [env.render()], [], False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(policy(observation))
        pictures.append(env.render())
        rewards.append(reward)
        over = terminated or truncated
    return np.stack(pictures), np.array(rewards)  # type: ignore[arg-type]


def reconstruct(world_model: WorldModel, frames: np.ndarray) -> np.ndarray:
    """What V makes of frames ``(n, 64, 64, 3)``: decoded from the mean of its posterior."""
    return in_parts(lambda part: (world_model.decode(world_model.encode(part)[0]),), frames)[0]


def in_parts(function: Callable[[np.ndarray], tuple[np.ndarray, ...]], rows: np.ndarray) -> list[np.ndarray]:
    """Calls a function with a few rows at a time: V then runs in NumPy, without seconds of loading TensorFlow."""
    parts = [function(rows[i : i + 8]) for i in range(0, len(rows), 8)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
