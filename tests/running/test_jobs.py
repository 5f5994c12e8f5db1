import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dreamgym.errors import SettingsError
from dreamgym.running.jobs import LocalExecutor, as_executor, default_workers
from tests.jobs_for_tests import (
    blas_threads,
    double,
    large,
    misbehave,
    note_and_sleep,
    process_id,
)

DEADLINE = 2.0


def run_jobs(function, inputs, *, workers, deadline):
    with LocalExecutor(workers) as executor:
        yield from executor.run(function, inputs, deadline=deadline)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_input_gives_its_value_once(workers):
    results = list(run_jobs(double, range(30), workers=workers, deadline=30))
    assert sorted(result.index for result in results) == list(range(30))
    assert all(r.value == 2 * r.input and r.error is None and r.attempts == 1 for r in results)
    assert not multiprocessing.active_children()


def test_no_inputs_give_no_results():
    assert list(run_jobs(double, [], workers=2, deadline=30)) == []


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP", "hang", "raise"])
def test_a_job_that_fails_once_is_tried_again_and_costs_the_others_nothing(how, tmp_path):
    inputs = [("fine", ""), (how, str(tmp_path)), *[("fine", "")] * 4]
    results = {r.index: r for r in run_jobs(misbehave, inputs, workers=2, deadline=DEADLINE)}
    assert (results[1].value, results[1].error, results[1].attempts) == (f"{how} again", None, 2)
    assert all(results[i].value == "fine" and results[i].attempts == 1 for i in (0, 2, 3, 4, 5))


def test_jobs_that_fail_always_are_reported_with_their_reason_and_the_run_completes():
    hows = ["SIGKILL", "SIGSTOP", "raise", "unpicklable", "fine"]
    inputs = [(how, "") for how in hows]
    results = {r.input[0]: r for r in run_jobs(misbehave, inputs, workers=2, deadline=DEADLINE)}
    assert results["fine"].error is None
    assert all(results[how].value is None and results[how].attempts == 2 for how in hows[:4])
    assert "SIGKILL" in results["SIGKILL"].error
    assert "did not end within 2 s" in results["SIGSTOP"].error
    assert results["raise"].error == "ValueError: as told"
    assert "cannot be sent back" in results["unpicklable"].error


def test_in_this_process_errors_are_reported_alike():
    (result,) = run_jobs(misbehave, [("raise", "")], workers=0, deadline=DEADLINE)
    assert (result.error, result.attempts) == ("ValueError: as told", 2)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP"])
def test_workers_struck_from_outside_while_idle_or_at_work_are_replaced(name):
    struck, values = set(), []
    for result in run_jobs(process_id, range(8), workers=2, deadline=DEADLINE):
        values.append(result)
        if len(struck) < 2 and result.value not in struck:
            struck.add(result.value)
            os.kill(result.value, getattr(signal, name))
    assert len(values) == 8
    assert all(result.error is None for result in values)
    assert not any(alive(pid) for pid in struck)


def test_the_deadline_counts_from_the_start_of_a_job_not_from_the_start_of_the_run():
    results = list(run_jobs(process_id, range(16), workers=1, deadline=1.5))
    assert all(result.error is None and result.attempts == 1 for result in results)


def test_large_values_come_through():
    sizes = [5_000_000, 1, 3_000_000]
    assert sorted(len(r.value) for r in run_jobs(large, sizes, workers=2, deadline=30)) == sorted(sizes)


def test_only_a_few_jobs_are_under_way_ahead_of_the_reader():
    taken = []

    class Inputs(list):
        def __iter__(self):
            for item in super().__iter__():
                taken.append(item)
                yield item

    results = run_jobs(double, Inputs(range(1000)), workers=1, deadline=30)
    next(results)
    time.sleep(0.5)
    assert len(taken) < 10
    results.close()


def test_workers_use_one_thread_for_linear_algebra():
    (result,) = run_jobs(blas_threads, [0], workers=1, deadline=30)
    assert set(result.value) == {1}


def test_workers_are_kept_between_calls_and_end_with_the_executor():
    with LocalExecutor(2) as executor:
        first, second = ({r.value for r in executor.run(process_id, range(4), deadline=30)} for _ in range(2))
    assert first == second
    assert len(first) == 2
    assert not any(alive(pid) for pid in first)


def test_a_run_that_is_broken_off_leaves_an_executor_that_works():
    with LocalExecutor(2) as executor:
        for result in executor.run(process_id, range(8), deadline=30):
            broken_off = result.value
            break
        wait_until(lambda: not alive(broken_off), 10)
        assert [r.value for r in executor.run(double, [4], deadline=30)] == [8]


def test_an_executor_can_be_shared_and_is_then_not_closed():
    with LocalExecutor(1) as executor:
        for _ in range(2):
            with as_executor(executor) as same:
                (result,) = same.run(process_id, [0], deadline=30)
        assert alive(result.value)


IN_A_POOL = """
import multiprocessing
from dreamgym.running.jobs import LocalExecutor
from tests.jobs_for_tests import double
def inside(_):
    with LocalExecutor(2) as executor:
        return [result.error for result in executor.run(double, range(9), deadline=30)]
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(inside, [0])[0])
"""


def test_a_worker_that_cannot_be_started_is_every_jobs_error_at_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(IN_A_POOL)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cannot be started here: AssertionError: daemonic processes") == 9


def test_a_script_without_a_main_guard_learns_why_within_seconds(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from dreamgym.running.jobs import LocalExecutor\nfrom tests.jobs_for_tests import double\n"
        "print([r.error for r in LocalExecutor(2).run(double, range(20), deadline=30)])\n"
    )
    begin = time.monotonic()
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert time.monotonic() - begin < 30
    assert done.stdout.count("does the script have a main guard") == 20
    assert "put its calls to dreamgym under" in done.stderr


def test_leaving_the_loop_ends_all_workers(tmp_path):
    jobs = run_jobs(note_and_sleep, [str(tmp_path)] * 3, workers=2, deadline=1000)
    with pytest.raises(ZeroDivisionError):
        _break_off(jobs, tmp_path)
    assert not any(alive(int(path.name)) for path in tmp_path.iterdir())


def _break_off(jobs, folder):
    def strike(*_):
        raise ZeroDivisionError

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        next(jobs)
    finally:
        signal.signal(signal.SIGALRM, before)


CTRL_C = """
import signal
from dreamgym.running.jobs import LocalExecutor
from tests.jobs_for_tests import note_and_sleep
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background inherits it ignored
    list(LocalExecutor(2).run(note_and_sleep, [{folder!r}] * 8, deadline=1000))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_no_worker_outlives_a_parent_that_is_interrupted_or_killed(name, tmp_path):
    script = tmp_path / "script.py"
    notes = tmp_path / "notes"
    notes.mkdir()
    script.write_text(CTRL_C.format(folder=str(notes)))
    parent = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, start_new_session=True)
    wait_until(lambda: len(list(notes.iterdir())) == 2)
    workers = [int(path.name) for path in notes.iterdir()]
    if name == "SIGINT":
        os.killpg(parent.pid, signal.SIGINT)  # as a terminal's Ctrl-C, which reaches the workers too
    else:
        parent.kill()
    _, error = parent.communicate(timeout=90)
    assert name != "SIGINT" or error.count(b"Traceback") == 1
    wait_until(lambda: not any(alive(pid) for pid in workers), 10)
    assert len(list(notes.iterdir())) == 2


def test_arguments_are_checked():
    with pytest.raises(SettingsError, match="workers is -1"):
        list(run_jobs(double, [1], workers=-1, deadline=1))
    assert default_workers() >= 1
