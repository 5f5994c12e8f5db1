"""PPO from Stable-Baselines3, trained in the dream or in the real game.

python -m agents.ppo --world-model <folder> --output ppo.zip
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import tyro

import dreamgym


@dataclass(frozen=True)
class PPOArgs:
    """Train PPO in a world model's dream, or in the real game."""

    world_model: str
    """A world model's folder, or a pretrained name."""
    task: str | None = None
    """The world model's task as package.module:TASK, if it is your own."""
    output: Path = Path("ppo.zip")
    """Where the trained agent goes. dreamgym evaluate and dreamgym record take it as a policy."""
    env: Literal["dream", "real"] = "dream"
    """Where it trains: in the dream, or in the real game seen through V and M."""
    renderer: Literal["fast", "stock"] = "fast"
    """fast: the task's faster env where it has one; stock: the real game as it is."""
    num_envs: int = 64
    """Dreams at once; 1 takes the single env. The real game is always played one at a time."""
    steps: int = 200_000
    """Steps of all envs together."""
    rollout_steps: int = 128
    """Steps per env between two updates."""
    batch_size: int = 1024
    """Steps per gradient step."""
    learning_rate: float = 3e-4
    """Adam's."""
    temperature: float | None = None
    """The dream's; the world model's own if not given."""
    horizon: int | None = None
    """Steps of an episode; the task's horizon if not given."""
    seed: int = 0
    """Decides everything that is drawn."""


def make_envs(args: PPOArgs) -> Any:
    """The env for Stable-Baselines3: a batched dream behind the adapter, or a single env."""
    if args.task is not None:
        dreamgym.get_task(args.task)  # imports its module, before the world model asks for the task
    kwargs: dict[str, Any] = {"world_model": args.world_model, "max_episode_steps": args.horizon}
    if args.env == "real":
        return gym.make("WorldModelLatent-v0", renderer=args.renderer, **kwargs)
    kwargs["temperature"] = args.temperature
    if args.num_envs == 1:
        return gym.make("WorldModelDream-v0", **kwargs)
    return dreamgym.SB3VecEnv(gym.make_vec("WorldModelDream-v0", num_envs=args.num_envs, **kwargs))


def train(args: PPOArgs, verbose: int = 0) -> float:
    """Trains and saves PPO. Returns the steps per second of the whole training loop."""
    from stable_baselines3 import PPO

    envs = make_envs(args)
    n_envs = getattr(envs, "num_envs", 1)
    agent = PPO(
        "MlpPolicy",
        envs,
        n_steps=args.rollout_steps,
        batch_size=min(args.batch_size, n_envs * args.rollout_steps),
        learning_rate=args.learning_rate,
        seed=args.seed,
        device="cpu",
        verbose=verbose,
    )
    began = time.perf_counter()
    agent.learn(args.steps)
    seconds = time.perf_counter() - began
    args.output.parent.mkdir(parents=True, exist_ok=True)
    agent.save(args.output)
    envs.close()
    return agent.num_timesteps / seconds


if __name__ == "__main__":
    parsed = tyro.cli(PPOArgs)
    print(f"{train(parsed, verbose=1):,.0f} steps per second -> {parsed.output}")
