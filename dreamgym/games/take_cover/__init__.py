"""ViZDoom's take cover, the game that the paper learnt inside a dream: its task, and the env TakeCover-v0."""

import gymnasium as gym

HORIZON = 2100
"""Tics after which an episode is truncated: one minute."""

if "TakeCover-v0" not in gym.registry:
    gym.register(
        "TakeCover-v0",
        entry_point="dreamgym.games.take_cover.env:TakeCover",
        max_episode_steps=HORIZON,
        reward_threshold=750,
    )
