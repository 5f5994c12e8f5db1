"""--help of every script: each flag is there, under its name, with its explanation."""

import ast
import dataclasses
import inspect
import re
import runpy
import sys
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
NOT_COMMANDS = {"__init__", "command", "estimate", "road", "settings"}
COMMANDS = sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem not in NOT_COMMANDS)


def explanations(args_class: type) -> dict[str, str]:
    """The docstring under each field of a dataclass."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(args_class))).body
    assert isinstance(node, ast.ClassDef)
    found = {}
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            found[field.target.id] = " ".join(str(text).split())
    return found


def flags(args_class: type, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every flag of a dataclass and what its field says of it, nested settings included."""
    explained = explanations(args_class)
    hints = typing.get_type_hints(args_class, include_extras=True)
    for field in dataclasses.fields(args_class):
        hint = hints[field.name]
        kind = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        name = field.name.replace("_", "-")
        if dataclasses.is_dataclass(kind):
            nameless = any(getattr(extra, "name", None) == "" for extra in typing.get_args(hint)[1:])
            yield from flags(kind, prefix if nameless else f"{prefix}{name}.")
        else:
            positional = "Positional" in str(hint)
            yield "STR" if positional else f"--{prefix}{name}", explained[field.name]


def test_every_script_is_looked_at():
    assert {"sample_policy", "train_vae", "sample_latent_stats", "train_memory", "train_controller"} <= set(COMMANDS)
    assert {"evaluate", "record_video", "pipeline", "status"} <= set(COMMANDS)
    for name in NOT_COMMANDS:
        assert "__main__" not in (SCRIPTS / f"{name}.py").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_flag(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
    assert ended.value.code == 0
    text = " ".join(re.sub("[│─╭╮╰╯]", " ", capsys.readouterr().out).split())
    module = __import__(f"scripts.{name}", fromlist=["Args"])
    listed = dict(flags(module.Args))
    assert listed
    for flag, explanation in listed.items():
        assert len(explanation) > 3, f"{flag} has no docstring"
        assert re.search(rf"(?<![\w.-]){re.escape(flag)}(?![\w.-])", text), f"{flag} is not listed"
        assert explanation.rstrip(".") in text, f"{flag} is not explained"
