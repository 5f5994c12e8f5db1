"""Gradients through the dream: trains a linear controller by backpropagation through M, then scores it for real.

python -m agents.gradient --world-model car-racing --output controller.npz

Only a dream allows this: the real game has no gradient. Any policy that ``dreamgym.imagine`` takes can be trained so.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro

import dreamgym


@dataclass(frozen=True)
class Args:
    """Train a linear controller by gradients through a world model's dream."""

    world_model: str = "car-racing"
    """A world model's folder, or a pretrained name."""
    task: str | None = None
    """The world model's task as package.module:TASK, if it is your own."""
    initial: Path | None = None
    """A saved controller to begin with; zeros if not given."""
    output: Path = Path("controller.npz")
    """Where the controller goes."""
    dreams: int = 256
    """Dreams per gradient."""
    horizon: int = 100
    """Steps of a dream. In longer ones the gradient grows until it says nothing."""
    updates: int = 300
    """Gradient steps."""
    learning_rate: float = 0.003
    """Adam's."""
    clip: float = 1.0
    """The largest length of a gradient; longer ones are scaled down to it."""
    temperature: float = 0.5
    """The dream's."""
    seed: int = 0
    """Decides everything that is drawn."""
    episodes: int = 16
    """Real episodes that the controller is scored on."""
    workers: int | None = None
    """Processes that play them; all cores if not given."""


def train(args: Args) -> dreamgym.LinearController:
    """Trains a controller by Adam (Kingma & Ba 2015). Every update meets new dreams."""
    world_model = dreamgym.WorldModel.load(args.world_model)
    if args.initial is None:
        begun = dreamgym.LinearController.zeros(world_model)
    else:
        begun = dreamgym.LinearController.load(args.initial)
    policy = dreamgym.linear_policy(world_model.task.head(world_model.codec, begun.head))
    parameters, mean, square = begun.parameters.astype(float), 0.0, 0.0
    rng = np.random.default_rng(args.seed)
    for update in range(args.updates):
        seed = int(rng.integers(2**31))
        dreams = dreamgym.Dreams(args.dreams, horizon=args.horizon, temperature=args.temperature, seed=seed)
        value, gradient = dreamgym.differentiate(world_model, policy, parameters, dreams)
        gradient = np.nan_to_num(gradient.astype(float), posinf=0.0, neginf=0.0)
        gradient *= min(1.0, args.clip / (np.linalg.norm(gradient) + 1e-9))
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        step = mean / (1 - 0.9 ** (update + 1)) / (np.sqrt(square / (1 - 0.999 ** (update + 1))) + 1e-8)
        parameters += args.learning_rate * step
        if update % 20 == 0 or update == args.updates - 1:
            print(f"update {update}: {value:.1f}", flush=True)
    return replace(begun, parameters=parameters)


def main(args: Args) -> None:
    """Trains, saves and scores."""
    if args.task is not None:
        dreamgym.get_task(args.task)  # imports its module, before the world model asks for the task
    path = train(args).save(args.output)
    env = dreamgym.EnvSettings(task=args.task, world_model=args.world_model)
    score = dreamgym.evaluate(str(path), env, episodes=args.episodes, seed=args.seed, workers=args.workers)
    print(f"{path}: {score.mean:.0f} ± {score.sd:.0f} over {score.n} episodes of {score.env_id}")


if __name__ == "__main__":
    main(tyro.cli(Args))
