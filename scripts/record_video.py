"""Records a policy in the real game, in the game seen through V and M, in the dream, or all side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dreamgym.tasks import Renderer
from dreamgym.video import RecordEnv, record
from scripts import command


@dataclass(frozen=True)
class Args:
    """Records a video."""

    policy: str
    """'random', 'smoothed', 'constant:0,0.3,0' (an action), a controller's .npz, a Stable-Baselines3 .zip, or
    module:callable (a function from observation to action)."""
    output: Path = Path("videos/compare.mp4")
    """The .mp4 or .gif to write."""
    env: RecordEnv = "compare"
    """real: the real game; latent: the game beside V's reconstruction; dream: the dream; compare: real,
    reconstruction and M's dream under the same actions."""
    world_model: str | None = None
    """Folder of a world model, or a pretrained name; all but the real game with a policy that does not look need it."""
    task: str | None = None
    """A registered task, or package.module:TASK; the world model's if not given."""
    renderer: Renderer = "fast"
    """fast takes the task's quicker env where it has one, stock the game as it is."""
    steps: int = 300
    """Steps to record at most."""
    seed: int = 0
    """Of the episode."""
    fps: float = 50
    """Frames a second."""
    scale: int = 4
    """How many times as large as V's 64x64 frames the columns of latent and compare are; 2 makes a small gif."""
    temperature: float | None = None
    """The dream's; the world model's own if not given."""


def run_recording(args: Args) -> None:
    """The script's work."""
    path = record(
        args.policy,
        args.output,
        env=args.env,
        world_model=args.world_model,
        task=args.task,
        renderer=args.renderer,
        steps=args.steps,
        seed=args.seed,
        fps=args.fps,
        temperature=args.temperature,
        scale=args.scale,
    )
    print(f"saved: {path}")


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(run_recording, Args, args)


if __name__ == "__main__":
    main()
