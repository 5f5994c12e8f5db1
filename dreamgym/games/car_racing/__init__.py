"""Gymnasium's CarRacing-v3: its task, and the env FastCarRacing-v0, which has the same frames and steps faster."""

import gymnasium as gym

if "FastCarRacing-v0" not in gym.registry:
    gym.register(
        "FastCarRacing-v0",
        entry_point="dreamgym.games.car_racing.env:FastCarRacing",
        max_episode_steps=1000,
        reward_threshold=900,
    )
