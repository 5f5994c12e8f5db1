"""Remote storage beside ``aws s3 sync``, on the same S3 server on the loopback, with the same files.

Needs moto's server; the comparison needs awscli, on the path or beside this Python.
"""

import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dreamgym.benchmark.measure import Bar, Results
from dreamgym.errors import JobError

PUSH, PULL, SECOND, SECOND_COMMAND = (
    "remote: push",
    "remote: pull",
    "remote: second sync",
    "remote: second sync, the command as a whole",
)
AWS_PUSH, AWS_PULL, AWS_SECOND = "aws s3 sync: push", "aws s3 sync: pull", "aws s3 sync: second sync"
_ATTEMPTS = 3
_BUCKET, _FILE_BYTES = "benchmark", 60_000
_SYNC = """
import sys, time
from pathlib import Path
from dreamgym.benchmark.measure import peak_memory
from dreamgym.storage.mirror import Mirror
from dreamgym.storage.remote import Remote
began = time.perf_counter()
report = getattr(Mirror(Path(sys.argv[1]), Remote(sys.argv[2])), sys.argv[3])()
print(report.moved, time.perf_counter() - began, peak_memory())
"""


@dataclass(frozen=True)
class RemoteFigures:
    """What was measured of remote storage."""

    results: Results  # files per second
    memory: float  # MB that a push of the most files takes more than one of the fewest, push and second sync
    killed: int  # pushes and pulls that were killed in the middle
    identical: int  # of those, the ones after which the same command made the trees identical
    words: str  # what was left out, and why; empty if nothing was


def remote_figures(folder: Path, files: int, rounds: int, kills: int) -> RemoteFigures:
    """Measures pushes, pulls and second syncs of ``files`` episode-sized files, memory, and recovery from SIGKILL.

    Memory is compared between a tenth of the files and ten times as many, small ones.
    """
    results = Results()
    if not files:
        return RemoteFigures(results, 0.0, 0, 0, "")
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("obstore") is None:
        return RemoteFigures(results, 0.0, 0, 0, "remote storage: not measured; pip install 'dreamgym[remote,dev]'")
    aws = _find_aws()
    with s3_server() as environment:
        there = _Place(folder, environment)
        episodes = make_files(folder / "episodes", files, _FILE_BYTES)
        for number in range(rounds):
            there.measure(results, episodes, f"round-{number}", aws)
        memory = there.memory(max(files // 10, 1), 10 * files)
        killed, identical = there.kill(make_files(folder / "killed", max(files // 4, 20), _FILE_BYTES), kills)
    words = "" if aws else "aws s3 sync: not measured; pip install awscli"
    return RemoteFigures(results, memory, killed, identical, words)


def remote_bars(figures: RemoteFigures, files: int) -> list[Bar]:
    """What remote storage should reach."""
    if not figures.results.rates:
        return []
    few, many = f"{max(files // 10, 1):,}", f"{10 * files:,}"
    bars = [Bar(f"remote: MB more for {many} files than for {few}", figures.memory, 10, at_least=False)]
    if figures.killed:
        share = figures.identical / figures.killed
        bars.append(Bar(f"remote: of {figures.killed} killed pushes and pulls, completed by the next", share, 1))
    if AWS_PUSH in figures.results.rates:
        ratio = figures.results.ratio
        bars += [
            Bar("remote: push / aws s3 sync", ratio(PUSH, AWS_PUSH), 1),
            Bar("remote: pull / aws s3 sync", ratio(PULL, AWS_PULL), 1),
            Bar("remote: time of a second sync / aws s3 sync", ratio(AWS_SECOND, SECOND), 1 / 3, at_least=False),
        ]
    return bars


def make_files(folder: Path, number: int, size: int) -> Path:
    """A folder of files of random bytes, a thousand in each of its folders."""
    rng = random.Random(number)
    for i in range(number):
        path = folder / f"rollouts-{i // 1000}" / f"episode-{i:06d}.tfrecord"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(size))
    return folder


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Moto's server in a process of its own, with an empty bucket. Yields the environment that leads to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": address,
    }
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                try:
                    request = urllib.request.Request(f"{address}/{_BUCKET}", method="PUT")
                    urllib.request.urlopen(request, timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            else:
                raise JobError("moto's server does not start")
            yield environment
        finally:
            server.terminate()


def _find_aws() -> str | None:
    beside = Path(sys.executable).with_name("aws")
    return str(beside) if beside.exists() else shutil.which("aws")


@dataclass(frozen=True)
class _Place:
    """Where files are synced: a scratch folder here, and a bucket."""

    folder: Path
    environment: dict[str, str]

    def measure(self, results: Results, files: Path, name: str, aws: str | None) -> None:
        """One round of all measures, in turn."""
        number = sum(1 for path in files.rglob("*.tfrecord"))
        url, aws_url = f"s3://{_BUCKET}/dreamgym-{name}", f"s3://{_BUCKET}/aws-{name}"
        pulled, aws_pulled = self.folder / f"pulled-{name}", self.folder / f"aws-pulled-{name}"
        steps = [
            (PUSH, AWS_PUSH, self._command("push", files, url), [str(files), aws_url]),
            (SECOND_COMMAND, AWS_SECOND, self._command("push", files, url), [str(files), aws_url]),
            (PULL, AWS_PULL, self._command("pull", pulled, url), [aws_url, str(aws_pulled)]),
        ]
        for ours, theirs, words, places in steps:
            self._add(results, ours, number / self._time(words))
            if aws is not None:
                exclude = ["--exclude", ".*"]
                self._add(results, theirs, number / self._time([aws, "s3", "sync", "--quiet", *exclude, *places]))
        self._add(results, SECOND, number / self._sync("push", files, url)[1])
        for path in (pulled, aws_pulled):
            shutil.rmtree(path, ignore_errors=True)

    def memory(self, few: int, many: int) -> float:
        """MB that syncing many files takes more than syncing few: the push, and the second one."""
        peaks = []
        for number in (few, many):
            files, url = make_files(self.folder / f"small-{number}", number, 100), f"s3://{_BUCKET}/small-{number}"
            peaks.append(max(self._sync("push", files, url)[2] for _ in range(2)))
            shutil.rmtree(files)
        return peaks[1] - peaks[0]

    def kill(self, files: Path, times: int) -> tuple[int, int]:
        """Kills pushes and pulls at random moments, then runs the same command again.

        Returns how many were killed before their end, and how many of those ended as identical trees.
        """
        rng, identical = random.Random(0), 0
        url, pulled = f"s3://{_BUCKET}/whole", self.folder / "pulled"
        seconds = {"push": self._time(self._command("push", files, url))}
        seconds["pull"] = self._time(self._command("pull", pulled, url))
        killed = dict.fromkeys(seconds, 0)
        for number in range(_ATTEMPTS * times):  # some end before the moment comes
            for action in [action for action in seconds if killed[action] < times]:
                begun = f"s3://{_BUCKET}/killed-{number}" if action == "push" else url
                shutil.rmtree(pulled, ignore_errors=True)
                words = self._command(action, files if action == "push" else pulled, begun)
                if self._killed(words, seconds[action] * rng.uniform(0.3, 1)):
                    killed[action] += 1
                    self._time(words)
                    if action == "push":  # what is there is seen by pulling it
                        self._time(self._command("pull", pulled, begun))
                    identical += _tree(pulled) == _tree(files)
        return sum(killed.values()), identical

    def _killed(self, words: list[str], seconds: float) -> bool:
        with subprocess.Popen(words, env=self.environment, stdout=subprocess.DEVNULL) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            return process.wait() == -signal.SIGKILL

    def _command(self, action: str, files: Path, url: str) -> list[str]:
        return [sys.executable, "-m", "dreamgym", "sync", action, "--experiment", str(files), "--remote", url]

    def _sync(self, action: str, files: Path, url: str) -> tuple[float, float, float]:
        """Files that were moved, seconds without the start of Python, and the process's peak memory in MB."""
        moved, seconds, peak = map(float, self._run([sys.executable, "-c", _SYNC, str(files), url, action]).split())
        return moved, seconds, peak

    def _time(self, words: list[str]) -> float:
        began = time.perf_counter()
        self._run(words)
        return time.perf_counter() - began

    def _run(self, words: list[str]) -> str:
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise JobError(f"{' '.join(words[:6])} failed: {done.stderr.strip()[-300:]}")
        return done.stdout

    def _add(self, results: Results, name: str, rate: float) -> None:
        results.units[name] = "files/s"
        results.rates.setdefault(name, []).append(rate)


def _tree(folder: Path) -> dict[str, bytes]:
    """All files; locks and the index of what is synced are not the user's."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith((".lock", ".sync"))}
