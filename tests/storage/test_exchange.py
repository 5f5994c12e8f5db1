"""A working folder's exchange with its remote: it goes on while work does, and never fails or holds up that work."""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dreamgym.errors import RemoteError
from dreamgym.storage import exchange as module
from dreamgym.storage.exchange import Exchange
from dreamgym.storage.mirror import Mirror
from dreamgym.storage.remote import Remote
from tests.storage.servers import Faults


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.05)


def exchange(mirror: Mirror, lines: list[str], *places: str) -> Exchange:
    return Exchange(mirror.folder, mirror, places or ("",), tell=lines.append)


def names(remote: Remote) -> set[str]:
    return {entry.name for entry in remote.list()}


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def write(folder: Path, name: str, content: bytes = b"content") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def test_files_are_pushed_as_they_come_and_at_the_end(remote: Remote, tmp_path: Path) -> None:
    mirror, lines = Mirror(tmp_path / "here", remote, last=("stages",)), []
    with exchange(mirror, lines):
        for number in range(3):
            write(mirror.folder, f"rollouts/episode-{number}")
            wait_for(lambda n=number: f"rollouts/episode-{n}" in names(remote))
        write(mirror.folder, "checkpoint", b"epoch 1")
        wait_for(lambda: "checkpoint" in names(remote))
        write(mirror.folder, "checkpoint", b"epoch 2")
        wait_for(lambda: remote.get("checkpoint") == b"epoch 2")
        write(mirror.folder, "log", b"last words")
        write(mirror.folder, "stages/0.json")
    assert names(remote) >= {"log", "stages/0.json"}
    assert lines == []


def test_only_what_a_stage_writes_is_pushed(remote: Remote, tmp_path: Path) -> None:
    write(tmp_path, "here/other/file")
    with exchange(Mirror(tmp_path / "here", remote), [], "rollouts"):
        write(tmp_path, "here/rollouts/file")
    assert names(remote) == {"rollouts/file"}


def test_without_a_remote_nothing_is_made(tmp_path: Path) -> None:
    with Exchange(tmp_path, None) as idle:
        assert idle.fetch(["rollouts"]).moved == 0
    assert list(tmp_path.iterdir()) == []


def test_work_goes_on_and_the_push_is_made_up_for(faulty: tuple[Remote, Faults], tmp_path: Path) -> None:
    (remote, faults), lines = faulty, []
    mirror = Mirror(tmp_path / "here", remote)
    faults.status = 503
    with exchange(mirror, lines):
        write(mirror.folder, "a")
        wait_for(lambda: lines)
        began = time.monotonic()
        write(mirror.folder, "b")
        assert time.monotonic() - began < 0.5
        faults.status = 0
        wait_for(lambda: names(remote) == {"a", "b"})
        wait_for(lambda: len(lines) == 2)
    assert (
        "the server answers 503 Service Unavailable; work goes on here, and what it makes is pushed later" in lines[0]
    )
    assert "answers again" in lines[1]
    assert len(lines) == 2, "one line, however often it is tried"


def test_what_could_not_be_pushed_is_said_at_the_end_and_pushed_next_time(
    faulty: tuple[Remote, Faults], tmp_path: Path
) -> None:
    (remote, faults), lines = faulty, []
    mirror = Mirror(tmp_path / "here", remote)
    faults.status = 503
    with exchange(mirror, lines):
        write(mirror.folder, "a")
    assert "not all of it is in s3://" in lines[-1]
    faults.status = 0
    with exchange(mirror, lines):
        pass
    assert names(remote) == {"a"}


def test_an_error_is_not_held_up_by_a_server_that_hangs(faulty: tuple[Remote, Faults], tmp_path: Path) -> None:
    remote, faults = faulty
    patient = Remote(remote.url, 20)
    faults.hang = True
    began = time.monotonic()

    def work() -> None:
        with exchange(Mirror(tmp_path / "here", patient), []):
            write(tmp_path, "here/a")
            wait_for(lambda: faults.seen)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert time.monotonic() - began < 5
    faults.hang = False
    faults.stopped.set()
    wait_for(lambda: not [t for t in threading.enumerate() if t.name == "pushes to a remote"])


def test_what_differs_is_said_once_and_the_note_waits(remote: Remote, tmp_path: Path) -> None:
    remote.put("checkpoint", b"another machine's")
    mirror, lines = Mirror(tmp_path / "here", remote, last=("stages",)), []
    with exchange(mirror, lines):
        write(mirror.folder, "checkpoint", b"this machine's")
        wait_for(lambda: lines)
        write(mirror.folder, "stages/0.json")
        write(mirror.folder, "rollouts/0")
        wait_for(lambda: "rollouts/0" in names(remote))
    assert lines[0].startswith("remote: checkpoint differ from")
    assert "stages/0.json" not in names(remote)
    assert remote.get("checkpoint") == b"another machine's"


def test_a_part_of_a_folder_is_not_worked_on(faulty: tuple[Remote, Faults], tmp_path: Path) -> None:
    (remote, faults), lines = faulty, []
    for number in range(30):
        remote.put(f"rollouts/episode-{number}", b"x" * 1000)
    mirror = Mirror(tmp_path / "here", remote)
    assert exchange(mirror, lines).fetch(["none"]).moved == 0
    faults.cut_downloads, faults.cut_after = 10**9, 5
    with pytest.raises(RemoteError, match=r"only a part of .*rollouts has been fetched"):
        exchange(mirror, lines).fetch(["rollouts"])
    assert 0 < len(list((mirror.folder / "rollouts").glob("episode-*"))) < 30
    with pytest.raises(RemoteError, match="only a part"), Exchange(mirror.folder, None) as alone:
        alone.fetch(["rollouts"])
    faults.cut_downloads = 0
    assert exchange(mirror, lines).fetch(["rollouts"]).moved > 0
    assert json.loads((mirror.folder / ".sync" / "partly.json").read_text()) == []
    with Exchange(mirror.folder, None) as alone:
        alone.fetch(["rollouts"])


def test_work_goes_on_with_what_is_here(faulty: tuple[Remote, Faults], tmp_path: Path) -> None:
    (remote, faults), lines = faulty, []
    write(tmp_path, "here/rollouts/0")
    faults.status = 500
    asked = exchange(Mirror(tmp_path / "here", remote), lines)
    for _ in range(3):
        asked.fetch(["rollouts"])
    assert len(lines) == 1
    assert "the server answers 500 Internal Server Error; work goes on" in lines[0]


def test_without_obstore_a_remote_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(RemoteError, match=r"pip install 'dreamgym\[remote\]'"):
        Exchange(tmp_path, Mirror(tmp_path, Remote("s3://bucket/x")))
