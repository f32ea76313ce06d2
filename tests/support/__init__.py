"""What the tests share."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder of the project."""


def python(program: str, *arguments: object) -> list[str]:
    """The command that runs a Python program, which may import `tests`.

    It takes streamdcm from where it is installed, not from the folder it happens to run in.
    """
    found = f"import sys; sys.path.append({str(ROOT)!r})\n"
    return [sys.executable, "-P", "-c", found + program, *map(str, arguments)]


def python_module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module of the tests as a program."""
    return python(f"import runpy; runpy.run_module({name!r}, run_name='__main__', alter_sys=True)", *arguments)
