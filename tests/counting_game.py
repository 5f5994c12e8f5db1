"""A game that tells on whoever mixes up its steps.

The frame shows the step and the action before it, the reward is a function of the action.
"""

import time

import gymnasium as gym
import numpy as np

from dreamgym.tasks import Task, register_task

COUNTING_ID = "dreamgym_tests/Counting-v0"
LAST = 13
NO_ACTION = (0.0, 0.0)


def frame_of(step, action):
    """Distinct for every step below 32, and for every action that led to it."""
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[:, :step, 0] = 250
    frame[: 2 * step, :, 1] = 10 + 3 * step
    frame[..., 2] = 7 * step
    frame[32:, :, 2] = np.uint8(128 + 100 * action[0])
    return frame


def reward_of(action):
    return float(np.float32(2 * action[0] - action[1]))


class Counting(gym.Env):
    """Ends after LAST steps; every action pays as it is."""

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(0, 255, (64, 64, 3), np.uint8)
        self.action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.step_number = 0
        return frame_of(0, NO_ACTION), {}

    def step(self, action):
        self.step_number += 1
        return frame_of(self.step_number, action), reward_of(action), self.step_number == LAST, False, {}


def three_times(env, reward, terminated):
    return 3 * reward


if COUNTING_ID not in gym.registry:
    gym.register(COUNTING_ID, entry_point=Counting)

COUNTING_TASK = register_task(
    Task(name="counting", env_id=COUNTING_ID, horizon=30, target=three_times, latent_size=4, hidden_size=8)
)


class SlowCounting(Counting):
    """Takes its time, so that a test can strike in the middle."""

    def step(self, action):
        time.sleep(0.04)
        return super().step(action)


SLOW_ID = "dreamgym_tests/SlowCounting-v0"
if SLOW_ID not in gym.registry:
    gym.register(SLOW_ID, entry_point=SlowCounting)

SLOW_TASK = register_task(
    Task(name="slow_counting", env_id=SLOW_ID, horizon=30, target=three_times, latent_size=4, hidden_size=8)
)
