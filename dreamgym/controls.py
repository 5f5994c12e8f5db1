"""What a score has to beat: chance, the best constant action, and the same policy with an untrained M."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.dynamics import MemoryArrays
from dreamgym.errors import JobError
from dreamgym.evaluation import Chunk, EnvName, evaluate, run_chunks, selection_seeds, task_path
from dreamgym.policies import ConstantPolicy, Policy, RandomPolicy, load_policy
from dreamgym.progress import track
from dreamgym.resolve import resolve_task, resolve_world_model
from dreamgym.scores import Evaluation
from dreamgym.tasks import Task
from dreamgym.world_model import WorldModel


def controls(
    policy: Policy | str,
    *,
    seeds: Sequence[int],
    env: EnvName = "real",
    task: Task | str | None = None,
    world_model: WorldModel | str | Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    max_steps: int | None = None,
    temperature: float | None = None,
) -> list[Evaluation]:
    """What a policy has to beat, on the same episodes: chance, the best constant action, and itself without M.

    Args:
        policy: The one that is being scored; where it looks, it is scored again with an untrained M.
        seeds: The episodes it was scored on.
        env: As in :func:`evaluate`. In a dream there is no row for the untrained M: nobody would dream in it.
        task: As in :func:`evaluate`.
        world_model: As in :func:`evaluate`.
        seed: Picks the tracks that the constant action is chosen on, and the untrained M.
        workers: As in :func:`evaluate`.
        max_steps: As in :func:`evaluate`.
        temperature: As in :func:`evaluate`.
    """
    known = resolve_world_model(world_model)
    place, codec = resolve_task(task, known)
    player = load_policy(policy, place, codec) if isinstance(policy, str) else policy
    constant = best_constant(place, codec, seed=seed, workers=workers, max_steps=max_steps)
    common: dict[str, Any] = {"env": env, "task": place, "seeds": seeds, "workers": workers, "max_steps": max_steps}
    if env == "dream":
        common |= {"world_model": known, "temperature": temperature}
    rows = [
        evaluate(RandomPolicy(codec), label="random", **common),
        evaluate(constant, label=f"constant {_shown(constant.action)}", **common),
    ]
    if player.needs_latents and known is not None and env != "dream":
        fresh = untrained_memory(known, seed)
        rows.append(evaluate(policy, label=f"{player.name}, untrained M", world_model=fresh, **common))
    return rows


def best_constant(
    task: Task,
    codec: ActionCodec,
    *,
    tracks: int = 2,
    seed: int = 0,
    workers: int | None = None,
    max_steps: int | None = None,
) -> ConstantPolicy:
    """The best constant action of a grid and, for a Box, of the finer grid around that one.

    Chosen by the mean return on tracks kept apart for such choices. A policy that does not look may be chosen in
    the task's quicker env, whose physics are the stock game's.
    """
    seeds = tuple(selection_seeds(seed, tracks))

    def best(actions: Sequence[Any]) -> Any:
        chunks = [
            Chunk("latent", task_path(task), ConstantPolicy(codec, one), None, seeds, max_steps or task.horizon, None)
            for one in actions
        ]
        means = [-np.inf] * len(chunks)
        for result in track(run_chunks(chunks, workers), len(chunks), "best constant action"):
            if result.error is None:
                means[result.index] = float(np.mean([total for total, _ in result.value]))
            reason = result.error
        if np.isneginf(max(means)):
            raise JobError(f"no constant action could be played: {reason}")
        return actions[int(np.argmax(means))]

    coarse = best(action_grid(codec.space))
    if isinstance(codec.space, gym.spaces.Discrete):
        return ConstantPolicy(codec, coarse)
    return ConstantPolicy(codec, best(action_grid(codec.space, coarse)))


def action_grid(space: gym.Space, around: np.ndarray | None = None) -> list[Any]:
    """Actions to try: all of a Discrete space; of a Box, low, middle and high of every number.

    Args:
        space: A bounded Box or a Discrete space.
        around: The middle of a grid of half the Box's width instead, clipped to it.

    Returns:
        At most 81 actions: the numbers of a wide Box are tried one at a time, the others in the middle.
    """
    if isinstance(space, gym.spaces.Discrete):
        return [int(space.start) + i for i in range(int(space.n))]
    assert isinstance(space, gym.spaces.Box)
    low, high = space.low.reshape(-1), space.high.reshape(-1)
    middle = (low + high) / 2 if around is None else np.asarray(around).reshape(-1)
    reach = (high - low) / (2 if around is None else 4)
    if len(low) <= 4:
        steps = np.array(list(itertools.product((-1, 0, 1), repeat=len(low))))
    else:
        steps = np.concatenate([np.zeros((1, len(low))), np.eye(len(low)), -np.eye(len(low))])[:81]
    actions = np.unique(np.clip(middle + steps * reach, low, high), axis=0)
    return [action.astype(space.dtype).reshape(space.shape) for action in actions]


def untrained_memory(world_model: WorldModel, seed: int) -> WorldModel:
    """The same world model with an M as it is before training: Glorot and orthogonal weights, no bias."""
    rng = np.random.default_rng([seed, 5])

    def glorot(shape: tuple[int, ...]) -> np.ndarray:
        limit = np.sqrt(6 / sum(shape))
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    old = world_model.memory
    hidden = world_model.hidden_size
    blocks = [np.linalg.qr(rng.standard_normal((hidden, hidden)))[0] for _ in range(4)]
    forget_open = np.repeat(np.array([0, 1, 0, 0], np.float32), hidden)  # as Keras begins an LSTM
    memory = MemoryArrays(
        kernel=glorot(old.kernel.shape),
        recurrent_kernel=np.concatenate(blocks, axis=1).astype(np.float32),
        bias=forget_open,
        head_kernel=glorot(old.head_kernel.shape),
        head_bias=np.zeros_like(old.head_bias),
    )
    return world_model.replace(memory=memory)


def _shown(action: Any) -> str:
    return ", ".join(f"{number:g}" for number in np.asarray(action).reshape(-1))
