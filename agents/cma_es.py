"""CMA-ES in the dream: evolves a linear controller with pycma, then scores it in the real game.

python -m agents.cma_es --world-model car-racing --output controller.npz

``dreamgym train-controller`` does the same and also saves every generation, resumes and selects checkpoints.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cma
import numpy as np
import tyro

import dreamgym


@dataclass(frozen=True)
class Args:
    """Evolve a linear controller in a world model's dream."""

    world_model: str = "car-racing"
    """A world model's folder, or a pretrained name."""
    task: str | None = None
    """The world model's task as package.module:TASK, if it is your own."""
    output: Path = Path("controller.npz")
    """Where the controller goes."""
    candidates: int = 64
    """Candidates per generation."""
    dreams: int = 16
    """Dreams per candidate."""
    horizon: int = 250
    """Steps of a dream."""
    generations: int = 40
    """Generations."""
    sigma: float = 0.1
    """The initial step size."""
    temperature: float = 0.3
    """The dream's."""
    seed: int = 0
    """Decides everything that is drawn."""
    episodes: int = 16
    """Real episodes that the controller is scored on."""
    workers: int | None = None
    """Processes that play them; all cores if not given."""


def train(args: Args) -> dreamgym.LinearController:
    """Evolves a controller. All candidates of a generation meet the same dreams, and every generation new ones."""
    world_model = dreamgym.WorldModel.load(args.world_model)
    zeros = dreamgym.LinearController.zeros(world_model)
    policy = dreamgym.linear_policy(world_model.task.head(world_model.codec, zeros.head))
    rng = np.random.default_rng(args.seed)
    options = {
        "popsize": args.candidates,
        "randn": lambda *shape: rng.standard_normal(shape),  # pycma's own seed 0 would mean the time
        "seed": np.nan,
        "verbose": -9,
    }
    search = cma.CMAEvolutionStrategy(zeros.parameters.astype(float), args.sigma, options)
    for generation in range(args.generations):
        candidates = np.array(search.ask())
        dreams = dreamgym.Dreams(
            args.dreams, horizon=args.horizon, temperature=args.temperature, seed=int(rng.integers(2**31))
        )
        returns = dreamgym.imagine(world_model, policy, candidates, dreams).returns.mean(axis=1)
        search.tell(list(candidates), (-returns).tolist())  # pycma minimises
        print(f"generation {generation}: {returns.mean():.1f} ± {returns.std():.1f}", flush=True)
    return replace(zeros, parameters=search.mean)


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
