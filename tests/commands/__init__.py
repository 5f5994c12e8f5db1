from dreamgym.commands import main


def run_command(module, words):
    """Runs a command by its module."""
    main(module.__name__.rpartition(".")[2], words)
