"""The command line as a whole: its list of commands, every command's --help, and the scripts beside it."""

import ast
import dataclasses
import importlib
import inspect
import os
import re
import subprocess
import sys
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from dreamgym.commands import COMMANDS, main

SCRIPTS = Path(__file__).parents[2] / "scripts"


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


def test_the_list_of_commands_is_whole(capsys):
    main(words=[])
    text = capsys.readouterr().out
    main(words=["--help"])
    assert capsys.readouterr().out == text
    folder = SCRIPTS.parent / "dreamgym" / "commands"
    modules = {path.stem.replace("_", "-") for path in folder.glob("*.py")} - {"--init--", "cli", "exchanging"}
    assert set(COMMANDS) == modules
    assert all(f"  {name} " in text for name in COMMANDS)


def test_the_list_of_commands_imports_little():
    program = "import sys; from dreamgym.commands import main; main(words=['--help']); print(sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    for module in ("tensorflow", "keras", "tyro", "rich", "cv2", "numba", "matplotlib"):
        assert f"'{module}'" not in shown


def test_a_wrong_command_suggests_the_nearest(capsys):
    with pytest.raises(SystemExit) as ended:
        main("evalute")
    assert ended.value.code == 2
    assert "did you mean 'evaluate'?" in capsys.readouterr().err
    main("--version")
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_flag(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as ended:
        main(name, ["--help"])
    assert ended.value.code == 0
    text = " ".join(re.sub("[│─╭╮╰╯]", " ", capsys.readouterr().out).split())
    module = importlib.import_module(f"dreamgym.commands.{name.replace('-', '_')}")
    assert f"dreamgym {name}" in text
    for word in ("Reads", "rites"):
        assert word in module.Args.__doc__, "a help says what the command reads and writes"
    listed = dict(flags(module.Args))
    assert listed
    for flag, explanation in listed.items():
        assert len(explanation) > 3, f"{flag} has no docstring"
        assert re.search(rf"(?<![\w.-]){re.escape(flag)}(?![\w.-])", text), f"{flag} is not listed"
        assert explanation.rstrip(".") in text, f"{flag} is not explained"


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_every_script_is_a_command(path):
    run = subprocess.run([sys.executable, str(path), "--help"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert re.search(r"usage: dreamgym [\w-]+", run.stdout)


def test_output_that_a_terminal_cannot_show_or_nobody_reads_does_no_harm(tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    words = [sys.executable, "-m", "dreamgym", "evaluate", "constant:0,0.1,0", "--max-steps", "2"]
    words += ["--episodes", "2", "--workers", "0", "--no-controls", "--output", str(tmp_path / "scores.json")]
    run = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=60)
    assert run.returncode == 0, run.stderr
    piped = subprocess.run(f"{' '.join(words)} | head -c 0", shell=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in piped.stderr
