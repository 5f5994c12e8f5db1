"""The public names as a type checker sees them from a user's program. mypy reads this file; nothing runs it."""

from pathlib import Path
from typing import assert_type

import numpy as np

import dreamgym
from dreamgym.evaluation.scores import Evaluation
from dreamgym.policies.pretrained import Pretrained

shipped = dreamgym.pretrained("car-racing")
assert_type(shipped, Pretrained)
assert_type(shipped.world_model, dreamgym.WorldModel)
assert_type(shipped.controller, dreamgym.LinearController)
assert_type(dreamgym.find_world_model("car-racing"), Path)

env = dreamgym.EnvSettings("dream", world_model="car-racing", temperature=0.5)
score = dreamgym.evaluate(shipped.controller, env, episodes=3, workers=0)
assert_type(score, Evaluation)
assert_type(score.mean, float)
dreamgym.evaluate(Path("ppo.zip"), env)
dreamgym.evaluate(lambda observation: observation[:3], env, workers=0)
dreamgym.evaluate(3, env)  # type: ignore[arg-type]
dreamgym.evaluate("car-racing", env, episode=3)  # type: ignore[call-arg]
dreamgym.EnvSettings(temprature=0.5)  # type: ignore[call-arg]

zeros = dreamgym.LinearController.zeros(shipped.world_model)
head = shipped.world_model.task.head(shipped.world_model.codec)
candidates = np.zeros((4, zeros.parameters.size))
dreamt = dreamgym.imagine(
    shipped.world_model, dreamgym.linear_policy(head), candidates, dreamgym.Dreams(16, horizon=200, seed=0)
)
assert_type(dreamt.returns, np.ndarray)

task = dreamgym.register_task(dreamgym.Task(name="mine", env_id="Mine-v0"))
assert_type(task, dreamgym.Task)
dreamgym.Task(name="mine")  # type: ignore[call-arg]
assert_type(dreamgym.record("random", "film.mp4", env, dreamgym.VideoSettings(steps=10)), Path)
report = dreamgym.collect("rollouts", "smoothed", env, dreamgym.CollectSettings(episodes=10), seed=1)
assert_type(report.episodes, int)
trained = dreamgym.train_controller(env, "search", dreamgym.SearchSettings(generations=2))
assert_type(trained.controller, dreamgym.LinearController)
dreams = dreamgym.DreamVectorEnv(4, "car-racing")
assert_type(dreams.num_envs, int)
