"""Two of Atari's games, from the Arcade Learning Environment (ale-py), without the score at the top."""

import ale_py
import gymnasium as gym

import dreamgym

gym.register_envs(ale_py)

BREAKOUT = dreamgym.register_task(
    dreamgym.Task(
        name="breakout",
        env_id="ALE/Breakout-v5",
        frame_rows=(32, 210),
        horizon=300,
    )
)
PONG = dreamgym.register_task(
    dreamgym.Task(
        name="pong",
        env_id="ALE/Pong-v5",
        frame_rows=(34, 194),
        horizon=300,
    )
)
