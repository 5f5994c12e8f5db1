import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dreamgym.data.episodes import list_episodes, read_episode, read_episodes
from dreamgym.errors import DataError, JobError, PolicyError, RemoteError, SettingsError, TaskError
from dreamgym.play import collect as collect_module
from dreamgym.play.collect import episode_path
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.seeding import derive_seed as episode_seed
from dreamgym.storage.remote import Remote
from dreamgym.storage.remote_files import RemoteFiles

TINY = "tests.tiny_game:TINY_TASK"


def collect(
    folder, *, task=TINY, policy="smoothed", world_model=None, seed=0, workers=0, deadline=None, files=None, **settings
):
    env = EnvSettings(task=task, world_model=world_model)
    return collect_module.collect(
        folder, policy, env, CollectSettings(**settings), seed=seed, workers=workers, deadline=deadline, files=files
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in list_episodes(folder)}


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    folder = tmp_path_factory.mktemp("six")
    report = collect(folder, task=TINY, policy="smoothed", episodes=6, workers=2, seed=3)
    assert (report.episodes, report.kept, report.made, report.failed) == (6, 0, 6, ())
    return folder


def test_episodes_are_the_games_and_their_seeds_their_own(six):
    episodes = read_episodes(list_episodes(six))
    assert [episode.seed for episode in episodes] == [episode_seed(3, i) for i in range(6)]
    assert len({episode.seed for episode in episodes}) == 6
    for episode in episodes:
        assert len(episode.frames) == len(episode.actions) + 1
        assert episode.terminated[-1] != episode.truncated
        assert set(episode.actions.sum(axis=1)) == {1.0}
        assert (episode.policy, episode.task) == ("smoothed", "tiny_game")


@pytest.mark.parametrize("workers", [0, 1])
def test_the_number_of_workers_changes_no_byte(six, tmp_path, workers):
    collect(tmp_path, task=TINY, policy="smoothed", episodes=6, workers=workers, seed=3)
    assert contents(tmp_path) == contents(six)


def test_only_what_is_missing_or_broken_is_made_and_as_it_would_have_been(six, tmp_path):
    collect(tmp_path, task=TINY, policy="smoothed", episodes=3, workers=0, seed=3)
    episode_path(tmp_path, 0).unlink()
    broken = episode_path(tmp_path, 1)
    broken.write_bytes(broken.read_bytes()[:-1])
    kept = episode_path(tmp_path, 2).stat().st_mtime_ns
    (tmp_path / ".episode-000005.tfrecord-abc.part").write_bytes(b"half")
    with pytest.warns(UserWarning, match=r"episode-000001.*made anew"):
        report = collect(tmp_path, task=TINY, policy="smoothed", episodes=6, workers=0, seed=3)
    assert (report.kept, report.made) == (1, 5)
    assert episode_path(tmp_path, 2).stat().st_mtime_ns == kept
    assert contents(tmp_path) == contents(six)
    assert not list(tmp_path.glob("*.part"))


def test_other_settings_are_refused_and_named(six):
    with pytest.raises(DataError, match="seed: 3 became 4"):
        collect(six, task=TINY, policy="smoothed", episodes=6, workers=0, seed=4)
    with pytest.raises(DataError, match="policy: 'smoothed' became 'random'"):
        collect(six, task=TINY, policy="random", episodes=6, workers=0, seed=3)


def test_a_shorter_episode_is_truncated_there(tmp_path):
    collect(tmp_path, task=TINY, policy="constant:1", episodes=2, episode_length=4, workers=0)
    for episode in read_episodes(list_episodes(tmp_path)):
        assert len(episode) == 4
        assert episode.truncated
        assert not episode.terminated.any()


def test_a_controller_collects_through_v_and_m(tiny_world_model, tmp_path):
    model = tiny_world_model.save(tmp_path / "model")
    rng = np.random.default_rng(0)
    controller = LinearController(rng.standard_normal(3 * 13), "tiny_game", tiny_world_model.codec)
    path = controller.save(tmp_path / "c.npz")
    arguments = {"task": TINY, "policy": str(path), "episodes": 4, "noise": 0.5, "world_model": model, "seed": 1}
    for workers in (0, 2):
        collect(tmp_path / str(workers), workers=workers, **arguments)
    assert contents(tmp_path / "0") == contents(tmp_path / "2")
    moved = path.rename(tmp_path / "moved.npz").rename(path)
    assert collect(tmp_path / "0", workers=0, **{**arguments, "policy": str(moved)}).kept == 4
    LinearController(-controller.parameters, "tiny_game", tiny_world_model.codec).save(path)
    with pytest.raises(DataError, match="policy_sha256"):
        collect(tmp_path / "0", workers=0, **arguments)
    with pytest.raises(PolicyError, match="world model"):
        collect(tmp_path / "none", workers=0, **{**arguments, "world_model": None})
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_collected_says_so(tmp_path):
    with pytest.raises(PolicyError, match="unknown"):
        collect(tmp_path, task=TINY, policy="nonsense", episodes=1, workers=0)
    with pytest.raises(TaskError, match="not registered"):
        collect(tmp_path, task="nonsense", policy="random", episodes=1, workers=0)
    with pytest.raises(SettingsError, match="episodes is 0"):
        collect(tmp_path, task=TINY, policy="random", episodes=0, workers=0)
    with pytest.raises(DataError, match="only the real game"):
        collect_module.collect(tmp_path, "random", EnvSettings("dream", task=TINY), CollectSettings())


def fail(observation):
    """A policy that never has an answer."""
    raise RuntimeError("no idea")


def test_if_most_episodes_fail_the_stage_stops(tiny_world_model, tmp_path):
    model = tiny_world_model.save(tmp_path / "model")
    with pytest.raises(JobError, match=r"4 of 4 episodes could not be played.*no idea"):
        collect(
            tmp_path / "r",
            task=TINY,
            policy="tests.play.test_collect:fail",
            episodes=4,
            workers=0,
            world_model=model,
        )


COLLECT = """
from dreamgym import CollectSettings, EnvSettings, collect
if __name__ == "__main__":
    env = EnvSettings(task="tests.counting_game:SLOW_TASK")
    collect({folder!r}, "random", env, CollectSettings(episodes=6), workers=2, deadline=4)
"""


def children(pid):
    """The workers of a process: its children that were spawned, without multiprocessing's resource tracker."""
    found = []
    command = ["ps", "-ww", "-o", "pid=", "-o", "args=", "--ppid", str(pid)]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        number, _, arguments = line.strip().partition(" ")
        if "spawn_main" in arguments:
            found.append(int(number))
    return found


def begun_collection(tmp_path):
    """A script, the folder that it collects into, and its process, which has written at least one episode."""
    script, folder = tmp_path / "script.py", tmp_path / "rollouts"
    script.write_text(COLLECT.format(folder=str(folder)))
    parent = subprocess.Popen([sys.executable, str(script)])
    end = time.monotonic() + 60
    while not list_episodes(folder) and time.monotonic() < end:
        time.sleep(0.05)
    return script, folder, parent


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
def test_a_worker_struck_in_the_middle_of_an_episode_costs_nothing_but_time(name, tmp_path):
    _, folder, parent = begun_collection(tmp_path)
    os.kill(children(parent.pid)[0], getattr(signal, name))
    assert parent.wait(60) == 0
    episodes = [read_episode(path) for path in list_episodes(folder)]
    assert [episode.seed for episode in episodes] == [episode_seed(0, i) for i in range(6)]


def test_a_collection_killed_outright_is_finished_by_the_same_command(tmp_path):
    script, folder, parent = begun_collection(tmp_path)
    parent.kill()
    parent.wait(30)
    before = contents(folder)
    assert 0 < len(before) < 6
    subprocess.run([sys.executable, str(script)], check=True, timeout=60)
    after = contents(folder)
    assert len(after) == 6
    assert before.items() <= after.items()
    assert json.loads((folder / "collection.json").read_text())["policy"] == "random"


def test_a_thousand_frames_of_the_car_take_less_than_two_megabytes(tmp_path):
    arguments = {"policy": "smoothed", "episodes": 1, "episode_length": 250, "random_starts": 0.0}
    report = collect(tmp_path, task="car_racing", workers=0, **arguments)
    assert report.size / (report.steps + 1) < 2000


def test_episodes_are_written_where_all_machines_reach_them_or_the_reason_is_told(six, tmp_path):
    files = RemoteFiles(Remote(f"file://{tmp_path}/remote"), "rollouts")

    def collect_there(here, seed=3):
        return collect(tmp_path / here, episodes=6, seed=seed, files=files)

    (in_the_way := tmp_path / "remote/rollouts/episode-000003.tfrecord/a file").mkdir(parents=True)
    with pytest.raises(RemoteError, match="1 of 6 episodes could not be written, the last one: ConflictError: file:"):
        collect_there("one")
    in_the_way.rmdir()
    in_the_way.parent.rmdir()
    report = collect_there("one")
    assert (report.kept, report.made) == (5, 1)
    assert {name: files.get(name) for name in files.names()} == {path.name: path.read_bytes() for path in six.iterdir()}
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["collection.json"]
    with pytest.raises(DataError, match="other settings"):
        collect_there("two", seed=9)
