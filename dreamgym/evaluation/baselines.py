"""Baselines: the random policy, the best constant action, and the same policy with an untrained M."""

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np

from dreamgym.errors import JobError
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.evaluation.scores import Evaluation
from dreamgym.models.dynamics import MemoryArrays
from dreamgym.play.job import PlayJob, play_jobs, portable
from dreamgym.play.resolve import Player, resolve
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.policy import AnyPolicy, ConstantPolicy, RandomPolicy
from dreamgym.running.jobs import Executor, as_executor
from dreamgym.running.progress import track
from dreamgym.running.seeding import Stream, generator, selection_seeds
from dreamgym.world_model import WorldModel

SELECTION_EPISODES = 2  # per constant action


def baselines(
    policy: AnyPolicy,
    env: EnvSettings,
    *,
    seeds: Sequence[int],
    seed: int = 0,
    workers: int | Executor | None = None,
) -> list[Evaluation]:
    """Scores the baselines of a policy on the same episodes, the ones of ``seeds``.

    A policy that observes the real game is scored again with an untrained M. ``seed`` picks the episodes that select
    the constant action, and the untrained M. The random and the constant policy observe nothing, so they play the
    task's fast env, whose physics are the stock game's, unless ``env`` names a renderer.
    """
    player = resolve(policy, env)
    with as_executor(workers) as executor:
        constant = best_constant(player, seed=seed, executor=executor)
        shown = ", ".join(f"{number:g}" for number in np.asarray(constant.action).reshape(-1))
        unseen = replace(env, renderer=env.renderer or "fast")
        rows = [
            evaluate(RandomPolicy(player.codec), unseen, seeds=seeds, workers=executor, label="random"),
            evaluate(constant, unseen, seeds=seeds, workers=executor, label=f"constant {shown}"),
        ]
        if env.env == "real" and player.policy.needs_latents and player.world_model is not None:
            with tempfile.TemporaryDirectory(prefix="dreamgym-") as folder:
                untrained_memory(player.world_model, seed).save(folder)
                there, label = replace(env, world_model=folder), f"{player.policy.name}, untrained M"
                rows.append(evaluate(policy, there, seeds=seeds, workers=executor, label=label))
    return rows


def best_constant(player: Player, *, seed: int, executor: Executor) -> ConstantPolicy:
    """The best constant action of a grid and, for a Box, of a finer grid around that one.

    It is selected by the mean return on selection episodes, in the task's fast env: a constant action does not observe,
    and the fast env has the stock game's physics.
    """
    codec = player.codec
    coarse = _best_of(action_grid(codec.space), player, seed, executor)
    if isinstance(codec.space, gym.spaces.Discrete):
        return ConstantPolicy(codec, coarse)
    return ConstantPolicy(codec, _best_of(action_grid(codec.space, coarse), player, seed, executor))


def _best_of(actions: Sequence[Any], player: Player, seed: int, executor: Executor) -> Any:
    env = replace(portable(player), env="real", world_model=None, renderer="fast", temperature=None)
    seeds = tuple(selection_seeds(seed, SELECTION_EPISODES))
    jobs = [PlayJob(ConstantPolicy(player.codec, action), env, seeds) for action in actions]
    means = [-np.inf] * len(jobs)
    reason = None
    for result in track(play_jobs(executor, jobs), len(jobs), "best constant action"):
        if result.error is None:
            means[result.index] = float(np.mean([played.score for played in result.value]))
        else:
            reason = result.error
    if np.isneginf(max(means)):
        raise JobError(f"no constant action could be played: {reason}")
    return actions[int(np.argmax(means))]


def action_grid(space: gym.Space, around: np.ndarray | None = None) -> list[Any]:
    """Actions to try: all of a Discrete space; for a Box the low, middle and high value of every number, at most 81.

    The numbers of a Box with more than four are varied one at a time. A grid ``around`` an action is half as wide.
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
    """The same world model with an M as Keras initialises it.

    Kernels are Glorot uniform, the recurrent kernel is one orthogonal matrix, the forget gate's bias is 1 and all
    other biases are 0.
    """
    rng = generator(seed, Stream.UNTRAINED_MEMORY)

    def glorot(shape: tuple[int, ...]) -> np.ndarray:
        limit = np.sqrt(6 / sum(shape))
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    old, hidden = world_model.memory, world_model.hidden_size
    orthogonal, triangle = np.linalg.qr(rng.standard_normal((4 * hidden, hidden)))
    memory = MemoryArrays(
        kernel=glorot(old.kernel.shape),
        recurrent_kernel=(orthogonal * np.sign(np.diag(triangle))).T.astype(np.float32),
        bias=np.repeat(np.array([0, 1, 0, 0], np.float32), hidden),
        head_kernel=glorot(old.head_kernel.shape),
        head_bias=np.zeros_like(old.head_bias),
    )
    return world_model.replace(memory=memory)
