"""PPO trains in one dream, in many and in the real game, and what it saves is a policy."""

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from agents.ppo import PPOArgs, train
from dreamgym.policies.load import load_policy


@pytest.mark.parametrize(("env", "num_envs"), [("dream", 3), ("dream", 1), ("real", 1)])
def test_ppo_trains_and_its_zip_is_a_policy(tiny_world_model, tmp_path, env, num_envs):
    folder = tiny_world_model.save(tmp_path / "world_model")
    args = PPOArgs(
        str(folder),
        output=tmp_path / "new" / "ppo.zip",
        env=env,
        num_envs=num_envs,
        steps=32,
        rollout_steps=8,
        batch_size=8,
    )
    assert train(args) > 0
    policy = load_policy(str(args.output), tiny_world_model.task, tiny_world_model.codec)
    policy.reset(0)
    assert policy(np.zeros(12, np.float32)) in tiny_world_model.action_space
