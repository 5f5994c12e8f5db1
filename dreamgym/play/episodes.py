"""The episode loop: every episode that is scored, recorded, filmed or collected is played here.

A seed decides an episode alone: the env's reset, the policy's draws and the noise of z. Linear controllers play several
real games in lockstep, so that V and M see a batch. A game's result does not depend on the others: V and M see at least
two rows at a time, and OpenBLAS then computes a row in the same way whatever the batch, if the sizes of z and h are
multiples of 4. A test checks it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from dreamgym.envs.follower import BatchFollower
from dreamgym.play.game import Game, Keep, Played
from dreamgym.play.resolve import Player
from dreamgym.policies.controller import LinearController
from dreamgym.policies.exploration import NoisyPolicy
from dreamgym.running.seeding import Stream, generator

Item = TypeVar("Item")
Observations = Sequence[np.ndarray | None] | np.ndarray  # one row or None per game


def play_episodes(
    player: Player, seeds: Sequence[int], *, keep: Keep = "score", start_options: Mapping[str, Any] | None = None
) -> list[Played]:
    """Plays one episode per seed, in this process."""
    policy = player.policy
    inner = policy.policy if isinstance(policy, NoisyPolicy) else policy
    lockstep = isinstance(inner, LinearController) and player.env.env == "real"
    observed_by = player.world_model if policy.needs_latents and player.env.env == "real" else None
    played: list[Played] = []
    for group in [seeds] if lockstep else [[seed] for seed in seeds]:
        games = [Game(player, seed, keep) for seed in group]
        for game in games:
            game.reset(start_options)
        follower = None if observed_by is None else BatchFollower(observed_by)
        _play_together(games, follower)
        played += [game.finish() for game in games]
    return played


def _play_together(games: list[Game], follower: BatchFollower | None) -> None:
    observations = _observe_start(games, follower)
    while games:
        codes = np.stack([game.choose(row) for game, row in zip(games, observations, strict=True)])
        for game, code in zip(games, codes, strict=True):
            game.step(code)
        kept = [i for i, game in enumerate(games) if not game.over]
        games = [games[i] for i in kept]
        if games:
            observations = _observe_step(games, follower, kept, codes)


def posterior_noise(seed: int) -> np.random.Generator:
    """The generator of V's posterior noise along the real episode of a seed."""
    return generator(seed, Stream.POSTERIOR)


def _observe_start(games: list[Game], follower: BatchFollower | None) -> Observations:
    if follower is None:
        return [game.observed for game in games]
    rows = _at_least_two(games)
    rngs = [posterior_noise(game.seed) for game in rows]
    return follower.reset(np.stack([game.frame for game in rows]), rngs)[: len(games)]


def _observe_step(
    games: list[Game], follower: BatchFollower | None, kept: list[int], codes: np.ndarray
) -> Observations:
    """Observations after a step; ``kept`` are the games' indices before it, when ``codes`` were chosen."""
    if follower is None:
        return [game.observed for game in games]
    rows = _at_least_two(kept)
    if len(kept) < len(codes):
        follower.keep(rows)
    frames = np.stack([game.frame for game in _at_least_two(games)])
    return follower.step(frames, codes[rows])[: len(games)]


def _at_least_two(items: list[Item]) -> list[Item]:
    return items * 2 if len(items) == 1 else items
