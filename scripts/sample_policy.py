"""Collects episodes of the real game, played by a policy, one file each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dreamgym.data.rollouts import collect
from dreamgym.tasks import Renderer
from scripts import command


@dataclass(frozen=True)
class Args:
    """Collects episodes; stopped anywhere, the same command makes the missing ones as it would have made them."""

    folder: Path
    """Folder for the episodes."""
    task: str = "car_racing"
    """A registered task, or package.module:TASK."""
    policy: str = "smoothed"
    """Who plays: random, smoothed, constant:0,0.3,0 (an action), a controller's .npz, a Stable-Baselines3 .zip, or
    package.module:callable."""
    episodes: int = 100
    """How many episodes there shall be; those that are there already count."""
    episode_length: int | None = None
    """Steps an episode at most; the task's horizon if not given."""
    workers: int | None = None
    """Processes; one a CPU core if not given, and 0 plays in this process."""
    seed: int = 0
    """Decides all episodes."""
    renderer: Renderer = "fast"
    """fast takes the task's quicker env where it has one, stock the game as it is."""
    world_model: Path | None = None
    """Folder of the world model that the policy looks through; needed for controllers and agents only."""
    noise: float = 0.0
    """Smooth noise on the policy's actions, beside the task's own exploration (1 is as much); 0 for none."""
    random_starts: bool = True
    """Whether to begin all over the game (random tiles and speeds, for the car) and not only where it begins."""


def sample_policy(args: Args) -> None:
    """The script's work."""
    report = collect(
        args.folder,
        task=args.task,
        policy=args.policy,
        episodes=args.episodes,
        episode_length=args.episode_length,
        workers=args.workers,
        seed=args.seed,
        renderer=args.renderer,
        random_starts=args.random_starts,
        noise=args.noise,
        world_model=args.world_model,
    )
    print(
        f"{report.folder}: {report.episodes} episodes, {report.kept} kept, {report.made} made of {report.steps} steps"
    )
    for number, reason in report.failed:
        print(f"  episode {number} could not be played: {reason}")


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(sample_policy, Args, args)


if __name__ == "__main__":
    main()
