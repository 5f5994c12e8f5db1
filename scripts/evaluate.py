"""Scores a policy: many fresh episodes of the real game, of the game seen through V and M, or of the dream."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from dreamgym.controls import controls
from dreamgym.evaluation import EnvName, evaluate
from dreamgym.jobs import default_workers
from dreamgym.scores import evaluation_table, save_evaluations
from scripts import command


@dataclass(frozen=True)
class Args:
    """Scores a policy, with the controls beside it."""

    policy: str
    """'random', 'smoothed', 'constant:0,0.3,0' (an action), a controller's .npz, a Stable-Baselines3 .zip, or
    module:callable (a function from observation to action)."""
    env: EnvName = "real"
    """real: the stock game, full length; latent: the task's quicker env where it has one; dream: the dream."""
    world_model: str | None = None
    """Folder of a world model, or a pretrained name; needed by policies that look, and by the dream."""
    task: str | None = None
    """A registered task, or package.module:TASK; the world model's if not given."""
    episodes: int = 100
    """Episodes to score."""
    seed: int = 0
    """Picks the episodes; those of all seeds are kept apart from training."""
    workers: int = field(default_factory=default_workers)
    """Processes; 0 plays in this one."""
    temperature: float | None = None
    """The dream's; the world model's own if not given."""
    controls: bool = True
    """Also score the random policy, the best constant action, and the same policy with an untrained M."""
    output: Path | None = None
    """JSON file; evaluation/<env>-<episodes>.json if not given."""


def run_evaluation(args: Args) -> None:
    """The script's work."""
    result = evaluate(
        args.policy,
        env=args.env,
        task=args.task,
        world_model=args.world_model,
        episodes=args.episodes,
        seed=args.seed,
        workers=args.workers,
        temperature=args.temperature,
    )
    rows = [result]
    if args.controls:
        rows += controls(
            args.policy,
            env=args.env,
            task=args.task,
            world_model=args.world_model,
            seeds=result.seeds,
            seed=args.seed,
            workers=args.workers,
            temperature=args.temperature,
        )
    output = args.output or Path("evaluation") / f"{args.env}-{args.episodes}.json"
    save_evaluations(output, rows)
    Console().print(evaluation_table(rows))
    print(f"saved: {output}")


def main(args: Sequence[str] | None = None) -> None:
    """The command line."""
    command.run(run_evaluation, Args, args)


if __name__ == "__main__":
    main()
