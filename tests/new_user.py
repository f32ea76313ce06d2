"""What a new user does: ``python -m tests.new_user``. About two minutes; CI runs it.

A fresh clone of this repository in a temporary directory; the README's first command as it is pasted, and its Python
lines, in an interpreter of that environment, without any extra; the tutorial's, in an environment of its own, at the
prompt of Python; then the programs of docs/examples. What CI does by itself (the README's tests,
the site) is left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import ROOT
from tests.test_docs import Block, blocks

EXAMPLES_NEED = "'.[http,s3,test]' fastapi flask flask-cors 'moto[s3]' uvicorn"
"""What the programs of docs/examples, and their tests, need beside the library."""


def main() -> None:
    """Do it, and say how long each step took; the first failure ends it."""
    with tempfile.TemporaryDirectory(prefix="streamdcm-new-user-") as name:
        place = Path(name) / "streamdcm"
        with _step("clone"):
            _clone(place)
        readme = list(blocks((place / "README.md").read_text("utf-8")))
        tutorial = list(blocks((place / "docs" / "tutorial" / "first-steps.md").read_text("utf-8")))
        with _step("README: the demo"):
            _paste([block for block in readme if block.above == "<!-- ci:demo -->"], place)
        with _step("README: its Python"):
            _paste_python(_python(readme), place)
        (place / ".venv").rename(place / ".venv of the README")
        with _step("tutorial: its commands"):
            first, last = (block for block in tutorial if block.language == "sh")
            _paste([first._replace(text=first.text.replace("\n.venv/bin/python", "").strip())], place)
            _paste_python(_python(tutorial), place)
            _paste([last], place)
        with _step("the programs of docs/examples"):
            _shell(f".venv/bin/pip install --quiet --constraint requirements.lock {EXAMPLES_NEED}", place)
            _shell(".venv/bin/pytest -q -p no:cacheprovider tests/test_examples.py", place)


def _clone(place: Path) -> None:
    """Clone what is committed; git is told that the repository may be another user's, as in a container.

    Where there is no repository, as in a source distribution, all that is there is copied but what was built.
    """
    if not (ROOT / ".git").exists():
        shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(".venv*", "build", "__pycache__", "*.so"))
        return
    settings = place.with_name("gitconfig")
    settings.write_text("[safe]\n\tdirectory = *\n")
    command = ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(place)]
    subprocess.run(command, env=os.environ | {"GIT_CONFIG_GLOBAL": str(settings)}, check=True)


def _python(found: list[Block]) -> list[Block]:
    return [block for block in found if block.language == "python" and block.above != "<!-- no-run -->"]


def _paste(found: list[Block], place: Path) -> None:
    """Give blocks to a shell."""
    assert found, "there is no such command"
    for block in found:
        _shell(block.text, place)


def _shell(text: str, place: Path) -> None:
    print(f"$ {text}", flush=True)
    _call(["bash", "-euo", "pipefail", "-c", text], place)


def _paste_python(found: list[Block], place: Path) -> None:
    """Give blocks to the prompt of Python, line by line, as who pastes them does; an exception there is a failure."""
    lines = "\n\n".join(block.text for block in found)
    done = subprocess.run(
        [place / ".venv" / "bin" / "python", "-i", "-q"],
        input=f"{lines}\n\n",
        cwd=place,
        env=_environment(),
        text=True,
        capture_output=True,
        timeout=120,
        check=True,
    )
    if "Traceback (most recent call last)" in done.stderr or "Error" in done.stderr:
        sys.exit(f"pasted at the prompt of Python:\n{lines}\n\nit says:\n{done.stderr}")


def _call(command: list[str], place: Path) -> None:
    subprocess.run(command, cwd=place, env=_environment(), check=True, timeout=900)


def _environment() -> dict[str, str]:
    """Return the variables of whoever runs this, but those that point Python at another place."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


@contextmanager
def _step(name: str) -> Iterator[None]:
    print(f"\n--- {name}", flush=True)
    begun = time.monotonic()
    yield
    print(f"--- {name}: {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
