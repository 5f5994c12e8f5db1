"""A folder and its remote: either gets what it lacks, whenever either side was stopped, and nothing is lost."""

import hashlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import obstore
import pytest

from dreamgym.errors import RemoteError
from dreamgym.storage.compare import State
from dreamgym.storage.entries import is_hidden
from dreamgym.storage.index import Index
from dreamgym.storage.mirror import Mirror
from dreamgym.storage.remote import Remote
from dreamgym.storage.stores import open_store
from tests.storage.servers import Faults

FILES = {"config.json": 30, "rollouts/0/episode-0": 5000, "rollouts/0/episode-1": 6000, "a/b/c": 0, "stages/0.json": 9}


def fill(folder: Path, files: dict[str, int] | None = None) -> Path:
    """A folder of files of random bytes."""
    for name, size in (files or FILES).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """All files that count."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if not is_hidden(name)}


@pytest.fixture
def here(tmp_path: Path, remote: Remote) -> Mirror:
    """A filled folder and an empty remote."""
    return Mirror(fill(tmp_path / "here"), remote, ("config.json",), ("stages",))


@pytest.fixture
def other(tmp_path: Path, here: Mirror) -> Mirror:
    """An empty folder of another machine, and the same remote."""
    return Mirror(tmp_path / "other", here.remote, here.first, here.last)


def test_what_is_pushed_is_pulled(here: Mirror, other: Mirror) -> None:
    assert dict(here.changes()) == dict.fromkeys(FILES, State.HERE_ONLY)
    pushed = here.push()
    assert (pushed.moved, pushed.size) == (len(FILES), sum(FILES.values()))
    assert dict(here.changes()) == {}
    assert dict(other.changes()) == dict.fromkeys(FILES, State.THERE_ONLY)
    other.folder.mkdir(exist_ok=True)
    (other.folder / "rollouts").mkdir()
    assert other.pull(["rollouts/0", "config.json"], wanted=lambda name: not name.endswith("1")).moved == 2
    assert set(tree(other.folder)) == {"config.json", "rollouts/0/episode-0"}
    assert other.pull().moved == 3
    assert tree(other.folder) == tree(here.folder)
    assert here.push().moved == other.push().moved == other.pull().moved == 0


def test_files_that_locks_and_others_need_stay_here(here: Mirror) -> None:
    fill(here.folder, {".lock": 3, "a/.episode-0.part": 4, ".sync/x": 5})
    here.push()
    assert {entry.name for entry in here.remote.list()} == set(FILES)


def test_one_side_that_changed_is_newer_and_both_are_different(here: Mirror, other: Mirror) -> None:
    here.push()
    other.pull()
    (here.folder / "a/b/c").write_bytes(b"changed here")
    assert dict(here.changes()) == {"a/b/c": State.NEWER_HERE}
    assert here.push().moved == 1
    assert dict(other.changes()) == {"a/b/c": State.NEWER_THERE}
    assert other.push().moved == 0
    (other.folder / "a/b/c").write_bytes(b"changed meanwhile")
    assert dict(other.changes()) == {"a/b/c": State.DIFFERENT}
    for moved in (other.push(), other.pull()):
        assert (moved.moved, moved.different) == (0, ["a/b/c"])
    assert here.remote.get("a/b/c") == b"changed here"
    assert (other.folder / "a/b/c").read_bytes() == b"changed meanwhile"
    assert other.push(force=True).moved == 1
    assert here.pull().moved == 1
    assert tree(other.folder) == tree(here.folder)
    (here.folder / "a/b/c").write_bytes(b"one")
    (other.folder / "a/b/c").write_bytes(b"two")
    here.push()
    assert other.pull(force=True).moved == 1
    assert (other.folder / "a/b/c").read_bytes() == b"one"


def test_an_equal_file_on_another_machine_is_no_difference(here: Mirror, tmp_path: Path) -> None:
    here.push()
    twin = Mirror(fill(tmp_path / "twin"), here.remote)
    assert dict(twin.changes()) == {}
    assert twin.push().moved == 0
    (twin.folder / "a/b/c").write_bytes(b"new")
    assert dict(twin.changes()) == {"a/b/c": State.NEWER_HERE}, "it was the same when they met"


def test_without_an_index_what_differs_is_not_known_to_be_newer(here: Mirror) -> None:
    here.push()
    shutil.rmtree(here.folder / ".sync")
    assert dict(here.changes()) == {}
    shutil.rmtree(here.folder / ".sync")
    (here.folder / "a/b/c").write_bytes(b"x")
    assert dict(here.changes()) == {"a/b/c": State.DIFFERENT}
    Index(here.folder, here.remote.url).path.write_bytes(b"not a database, after a power cut" * 100)
    assert dict(here.changes()) == {"a/b/c": State.DIFFERENT}


def test_a_foreign_config_lets_nothing_in(here: Mirror, other: Mirror) -> None:
    fill(other.folder, {"config.json": 31, "b": 10, "stages/0.json": 4})
    here.push()
    assert (other.push().different, other.pull().different) == (["config.json"], ["config.json"])
    assert set(tree(other.folder)) == {"config.json", "b", "stages/0.json"}
    assert {entry.name for entry in here.remote.list()} == set(FILES)


def test_notes_go_last_and_only_if_all_else_went(here: Mirror, other: Mirror) -> None:
    fill(other.folder, {"a/b/c": 77, "stages/1.json": 5, "z": 6})
    here.remote.put("a/b/c", b"another")
    report = other.push()
    assert report.different == ["a/b/c"]
    assert {entry.name for entry in here.remote.list()} == {"a/b/c", "z"}


def test_deleting_a_file_deletes_no_object(here: Mirror) -> None:
    here.push()
    (here.folder / "stages/0.json").unlink()
    assert dict(here.changes()) == {"stages/0.json": State.THERE_ONLY}
    here.push()
    assert here.pull(["stages"], again=False).moved == 0
    assert here.pull(["stages"]).moved == 1


def test_a_damaged_object_is_named_and_put_again_by_who_has_it(here: Mirror, other: Mirror) -> None:
    here.push()
    if here.remote.is_folder:
        name = Path(here.remote.url.removeprefix("file://")) / "rollouts/0/episode-1"
        name.write_bytes(b"?" + name.read_bytes()[1:])
    else:
        content = (here.folder / "rollouts/0/episode-1").read_bytes()
        spoil(here.remote, "rollouts/0/episode-1", content)
    assert dict(here.changes()) == {"rollouts/0/episode-1": State.NEWER_HERE}
    report = other.pull()
    assert set(report.damaged) == {"rollouts/0/episode-1"}
    assert set(tree(other.folder)) == set(FILES) - {"rollouts/0/episode-1", "stages/0.json"}, "the note goes last"
    fill(other.folder)
    assert dict(other.changes()) == {"rollouts/0/episode-1": State.NEWER_HERE}
    assert other.push().moved == 1
    assert other.remote.get("rollouts/0/episode-1") == tree(here.folder)["rollouts/0/episode-1"]


def spoil(remote: Remote, name: str, content: bytes) -> None:
    """Changes a byte of an object, but not its checksum."""
    attributes = {"md5": hashlib.md5(content).hexdigest()}
    obstore.put(open_store(remote.url, remote.patience), name, b"?" + content[1:], attributes=attributes)


def test_a_second_sync_is_one_list(faulty: tuple[Remote, Faults], tmp_path: Path) -> None:
    remote, faults = faulty
    folder = fill(tmp_path / "here", {f"rollouts/episode-{number}": 50 for number in range(70)})
    Mirror(folder, remote).push()
    for mirror in (Mirror(folder, remote), Mirror(fill(tmp_path / "twin", dict.fromkeys(tree(folder), 50)), remote)):
        faults.seen.clear()
        assert mirror.push().moved == 0
        assert [method for method, path in faults.seen] == ["GET"]
        assert "list-type=2" in faults.seen[0][1]


def test_two_machines_that_push_and_pull_the_same_at_once(here: Mirror, tmp_path: Path) -> None:
    files = {f"rollouts/episode-{number}": 3000 for number in range(60)}
    mirrors = [Mirror(fill(tmp_path / str(n), files), here.remote) for n in range(3)]
    reports = []
    threads = [threading.Thread(target=lambda m=mirror: reports.append(m.push())) for mirror in mirrors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.different for report in reports] == [[]] * 3
    empty = Mirror(tmp_path / "empty", here.remote)
    empty.pull()
    assert tree(empty.folder) == tree(mirrors[0].folder)


PROGRAM = """
import sys
from pathlib import Path
from dreamgym.storage.mirror import Mirror
from dreamgym.storage.entries import is_hidden
from dreamgym.storage.remote import Remote
from dreamgym.storage.stores import open_store
print("ready", flush=True)
getattr(Mirror(Path(sys.argv[1]), Remote(sys.argv[2])), sys.argv[3])()
"""


def killed(mirror: Mirror, action: str, seconds: float) -> bool:
    """Pushes or pulls in a process that is killed after a time. Whether it was still at work."""
    words = [sys.executable, "-c", PROGRAM, str(mirror.folder), mirror.remote.url, action]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def test_a_killed_push_and_pull_go_on(s3: Remote, tmp_path: Path) -> None:
    here, other = Mirror(fill(tmp_path / "here"), s3), Mirror(tmp_path / "other", s3)
    fill(here.folder, {f"rollouts/episode-{number}": 40_000 for number in range(200)})
    assert killed(here, "push", 0.1)
    assert len(list(here.remote.list())) < 205
    here.push()
    assert {entry.name: entry.size for entry in here.remote.list()} == {n: len(c) for n, c in tree(here.folder).items()}
    assert killed(other, "pull", 0.1)
    assert set(tree(other.folder).items()) < set(tree(here.folder).items()), "what is here is whole"
    other.pull()
    assert tree(other.folder) == tree(here.folder)
    assert not list(other.folder.rglob("*.part"))


def test_a_failing_remote_stops_a_push_that_goes_on_later(faulty: tuple[Remote, Faults], tmp_path: Path) -> None:
    remote, faults = faulty
    mirror = Mirror(fill(tmp_path / "here", {f"episode-{number}": 50 for number in range(200)}), remote)
    faults.cut_uploads = 10**9
    with pytest.raises(RemoteError, match=r"does not answer|cannot be reached"):
        mirror.push()
    tried = {path for method, path in faults.seen if method == "PUT"}
    assert 1 <= len(tried) < 100, "it gives up long before every file has been tried"
    faults.cut_uploads = 0
    assert mirror.push().moved == 200
    assert {entry.name for entry in remote.list()} == set(tree(mirror.folder))
