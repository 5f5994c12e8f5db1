"""The episode loop: every episode that is scored, recorded, filmed or collected is played here.

A seed decides an episode alone: the env's reset, the policy's draws and the noise of z. Linear controllers play several
real games in lockstep, so that V and M see a batch. A game's result does not depend on the others: V and M see at least
two rows at a time, and OpenBLAS then computes a row in the same way whatever the batch, if the sizes of z and h are
multiples of 4. A test checks it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dreamgym.envs.follower import BatchFollower
from dreamgym.play.game import Game, Keep, Played, make_game
from dreamgym.play.resolve import Player
from dreamgym.policies.controller import LinearController
from dreamgym.policies.exploration import NoisyPolicy
from dreamgym.running.seeding import Stream, generator
from dreamgym.world_model import WorldModel

Observations = Sequence[np.ndarray | None] | np.ndarray  # one row or None per game


def play_episodes(
    player: Player, seeds: Sequence[int], *, keep: Keep = "score", start_options: Mapping[str, Any] | None = None
) -> list[Played]:
    """Plays one episode per seed, in this process."""
    policy = player.policy
    inner = policy.policy if isinstance(policy, NoisyPolicy) else policy
    lockstep = isinstance(inner, LinearController) and player.env.env == "real"
    groups = [seeds] if lockstep else [[seed] for seed in seeds]
    observed_by = player.world_model if policy.needs_latents and player.env.env == "real" else None
    played: list[Played] = []
    for group in groups:
        games: list[Game] = [make_game(player, seed, keep) for seed in group]
        for game in games:
            game.reset(start_options)
        _play_together(games, _Observer(observed_by), player.max_steps)
        played += [game.finish() for game in games]
    return played


class _Observer:
    """Gives the policies of games in lockstep their observations: by V and M, or whatever the games give themselves."""

    def __init__(self, world_model: WorldModel | None):
        self._follower = None if world_model is None else BatchFollower(world_model)
        self._n_games = 0

    def begin(self, games: Sequence[Game]) -> Observations:
        if self._follower is None:
            return [game.observed for game in games]
        self._n_games, rows = len(games), _at_least_two(list(range(len(games))))
        rngs = [generator(games[i].seed, Stream.POSTERIOR) for i in rows]
        return self._follower.reset(np.stack([games[i].frame for i in rows]), rngs)[: len(games)]

    def step(self, games: Sequence[Game], kept: list[int], codes: np.ndarray) -> Observations:
        """Observations after a step; ``kept`` are the games' indices before it, when ``codes`` were chosen."""
        if self._follower is None:
            return [game.observed for game in games]
        rows = _at_least_two(kept)
        if len(kept) < self._n_games:
            self._follower.keep(rows)
            self._n_games = len(kept)
        frames = [games[i].frame for i in _at_least_two(list(range(len(games))))]
        return self._follower.step(np.stack(frames), codes[rows])[: len(games)]


def _at_least_two(rows: list[int]) -> list[int]:
    return rows * 2 if len(rows) == 1 else rows


def _play_together(games: Sequence[Game], observer: _Observer, max_steps: int) -> None:
    observations = observer.begin(games)
    step = 0
    while games:
        step += 1
        codes = np.stack([game.choose(row) for game, row in zip(games, observations, strict=True)])
        for game, code in zip(games, codes, strict=True):
            game.step(code, last=step == max_steps)
        kept = [i for i, game in enumerate(games) if not game.over]
        games = [games[i] for i in kept]
        if games:
            observations = observer.step(games, kept, codes)
