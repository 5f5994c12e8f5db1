"""The cluster's executor does what the local one does, and what only a cluster can do."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dreamgym.errors import JobError
from dreamgym.running.cluster.executor import RayExecutor
from dreamgym.running.jobs import as_executor
from dreamgym.running.shared import Shared, SharedFile
from tests.cluster.conftest import wait_until
from tests.jobs_for_tests import (
    blas_threads,
    double,
    fill_memory_of,
    large,
    misbehave,
    node_of_job,
    process_id,
    read_shared,
)

pytestmark = pytest.mark.slow

DEADLINE = 2.0


def test_every_input_gives_its_value_once(executor):
    results = list(executor.run(double, range(30), deadline=30))
    assert sorted(result.index for result in results) == list(range(30))
    assert all(r.value == 2 * r.input and r.error is None and r.attempts == 1 for r in results)
    assert list(executor.run(double, [], deadline=30)) == []
    assert executor.workers == 2


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP", "hang"])
def test_a_job_that_fails_once_is_tried_again_elsewhere_and_costs_the_others_nothing(how, executor, tmp_path):
    inputs = [("fine", ""), (how, str(tmp_path)), *[("fine", "")] * 4]
    results = {r.index: r for r in executor.run(misbehave, inputs, deadline=DEADLINE)}
    assert (results[1].value, results[1].error, results[1].attempts) == (f"{how} again", None, 2)
    assert all(results[i].value == "fine" and results[i].attempts == 1 for i in (0, 2, 3, 4, 5))


def test_jobs_that_fail_always_are_reported_with_their_reason_and_the_run_completes(executor):
    hows = ["SIGKILL", "SIGSTOP", "raise", "unpicklable", "memory", "fine"]
    results = {r.input[0]: r for r in executor.run(misbehave, [(how, "") for how in hows], deadline=DEADLINE)}
    assert results["fine"].error is None
    assert all(results[how].value is None and results[how].attempts == 2 for how in hows[:5])
    assert "died (Worker unexpectedly exits" in results["SIGKILL"].error
    assert "did not end within 2 s" in results["SIGSTOP"].error
    assert results["raise"].error == "ValueError: as told"
    assert "cannot be sent back" in results["unpicklable"].error
    assert results["memory"].error.startswith("MemoryError")


def test_a_second_attempt_runs_on_another_node(executor, tmp_path):
    (result,) = executor.run(node_of_job, [str(tmp_path)], deadline=30)
    assert result.attempts == 2
    assert result.value != (tmp_path / "first").read_text()


def test_workers_are_kept_between_calls_and_use_one_thread(executor):
    first, second = ({r.value for r in executor.run(process_id, range(4), deadline=30)} for _ in range(2))
    assert first == second
    assert len(first) == 2
    (result,) = executor.run(blas_threads, [0], deadline=30)
    assert set(result.value) == {1}
    with as_executor(executor) as same:
        assert {r.value for r in same.run(process_id, range(4), deadline=30)} == first


def test_large_values_come_through(executor):
    sizes = [5_000_000, 1, 3_000_000]
    assert sorted(len(r.value) for r in executor.run(large, sizes, deadline=30)) == sorted(sizes)


def test_a_run_that_is_broken_off_leaves_an_executor_that_works(executor):
    results = executor.run(misbehave, [("fine", ""), ("hang", ""), ("hang", "")], deadline=600)
    next(results)
    time.sleep(0.5)
    results.close()
    assert [r.value for r in executor.run(double, [4], deadline=30)] == [8]


def test_what_jobs_share_goes_out_once_and_files_are_found_elsewhere(executor, tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    put, sender = [], executor._connected().sender
    original, sender._put = sender._put, lambda content: put.append(len(content)) or original(content)
    try:
        value = Shared({"numbers": bytes(300_000)})
        jobs = [(n, value, Shared(b"x" * 200_000), SharedFile(str(tmp_path)), SharedFile("nowhere")) for n in range(6)]
        answers = [r.value for r in executor.run(read_shared, jobs, deadline=30)]
    finally:
        sender._put = original
    assert len(put) == 3
    assert len({answer["value"] for answer in answers}) <= 2, "a worker keeps what it has read"
    assert {answer["missing"] for answer in answers} == {"nowhere"}
    assert all(answer["sizes"] == (300_000, 200_000) for answer in answers)
    for answer in answers:
        assert answer["files"] == {"a.txt": "a.txt", "b.txt": "b.txt"}
        assert Path(answer["folder"]).name == tmp_path.name
        assert not Path(answer["folder"]).is_relative_to(tmp_path)


def test_a_node_that_joins_later_gets_work_and_one_that_dies_costs_its_jobs_an_attempt(executor, third_node):
    values, added, struck = [], None, None
    for result in executor.run(process_id, range(60), deadline=30):
        values.append(result)
        if added is None:
            added = third_node()
        there = [worker for worker in executor._fleet.workers if worker.node.id == added.node_id]
        if not struck and there and there[0].job is not None:
            struck = [there[0].job, there[0]._process]
            added.kill_raylet()
    assert struck, "the third node got no work"
    assert len(values) == 60
    assert all(result.error is None for result in values)
    assert [result.attempts for result in values].count(2) == 1
    wait_until(lambda: not Path(f"/proc/{struck}").exists())


ON_ALL_NODES = """
import subprocess
import sys
import time
from dreamgym.running.cluster.executor import RayExecutor
with RayExecutor({address!r}) as executor:
    while not executor._connected().refused:
        print([result.value for result in executor.run(abs, [-1], deadline=30)])
        time.sleep(0.1)
"""


def test_the_command_makes_a_node_until_it_is_ended(cluster, executor):
    words = [sys.executable, "-m", "dreamgym", "cluster-node", "--address", cluster.address, "--cores", "1"]
    process = subprocess.Popen([*words, "--store", "80"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: process.poll() is not None or executor.workers == 3)
        assert process.poll() is None, process.communicate()[0]
        wait_until(lambda: len({result.value for result in executor.run(process_id, range(6), deadline=30)}) == 3)
    finally:
        process.terminate()
        process.communicate(timeout=30)
    wait_until(lambda: executor.workers == 2)


def test_a_node_with_another_dreamgym_is_refused_by_name(cluster, executor, third_node, tmp_path):
    executor.close()  # the driver of this test needs the cores
    package = tmp_path / "other" / "dreamgym"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "0.0.9"\n')
    third_node(env_vars={"PYTHONPATH": str(package.parent)})
    script = tmp_path / "script.py"
    script.write_text(ON_ALL_NODES.format(address=cluster.address))
    words = [sys.executable, str(script)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "has dreamgym 0.0.9, this is dreamgym 0.1.0; install the same there; it gets no work" in done.stderr
    assert set(done.stdout.split()) == {"[1]"}


def test_a_worker_that_ray_ends_for_lack_of_memory_is_named(executor, third_node):
    memory = {line.split(":")[0]: int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()}
    room = 1 - (memory["MemAvailable"] - 2 * 2**20) / memory["MemTotal"]  # another 2 GB are too much
    if not 0 < room < 0.8:
        pytest.skip("needs 7 GB of free memory")
    monitor = {"RAY_memory_monitor_refresh_ms": "50", "RAY_memory_usage_threshold": f"{room:.3f}"}
    node = third_node(env_vars=monitor).node_id
    errors = []
    end = time.monotonic() + 30
    while not errors and time.monotonic() < end:
        errors = [r.error for r in executor.run(fill_memory_of, [node] * 3, deadline=30, retries=0) if r.error]
    assert "ran out of memory; Ray's memory monitor ended it" in errors[0]


def test_no_cluster_is_one_line_and_quick():
    pytest.importorskip("ray")
    begin = time.monotonic()
    for address, words in (
        ("127.0.0.1:1", "Connection refused"),
        ("ray://x:1", "Ray Client"),
        ("here", "expected 'auto'"),
    ):
        with pytest.raises(JobError, match=words), RayExecutor(address) as nobody:
            list(nobody.run(double, [1], deadline=1))
    assert time.monotonic() - begin < 5
