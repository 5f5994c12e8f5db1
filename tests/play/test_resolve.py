"""From names to what plays."""

import sys

from dreamgym.play.resolve import task_path
from tests.tiny_game import TINY_TASK


def test_a_task_is_found_from_a_new_process():
    module, _, attribute = task_path(TINY_TASK).partition(":")
    assert getattr(__import__(module, fromlist=[attribute]), attribute) is TINY_TASK


def test_a_task_is_found_where_a_new_process_finds_it_too(monkeypatch):
    for main in ("__main__", "__mp_main__"):
        monkeypatch.setattr(sys.modules[main], "UNDER_THE_GUARD", TINY_TASK, raising=False)
    assert not task_path(TINY_TASK).startswith("__")
