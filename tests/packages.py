"""Builds the packages and tests what is in them: ``python -m tests.packages [--lowest] [--newest-pydicom] [PYTEST]``.

The source distribution is unpacked elsewhere, installed from there into an environment of its own, and its own quick
tests run against that. ``--lowest`` installs the oldest libraries that are allowed, ``--newest-pydicom`` the newest
pydicom that there is, whatever the bound says. What is left over is given to pytest.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

from tests.support import ROOT

NOT_IN_IT = {".ci", ".github", ".gitignore", ".pre-commit-config.yaml"}
"""What nobody needs who has the source distribution."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.packages")
    parser.add_argument("--lowest", action="store_true", help="the oldest direct dependencies that are allowed")
    parser.add_argument("--newest-pydicom", action="store_true", help="the newest pydicom that there is")
    given, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="streamdcm-packages-") as name:
        place = Path(name)
        tools = _environment(place / "tools")
        _call(tools, "-m", "pip", "install", "--quiet", "build", "uv")
        _call(tools, "-m", "build", "--outdir", place / "dist", ROOT)
        (archive,), (wheel,) = (place / "dist").glob("*.tar.gz"), (place / "dist").glob("*.whl")
        source = _unpacked(archive, place / "source")
        _look_at(source, wheel)
        python = _environment(place / "environment")
        install = [tools, "-m", "uv", "pip", "install", "--quiet", "--python", python]
        bound = ["--resolution", "lowest-direct"] if given.lowest else ["--constraint", source / "requirements.lock"]
        _call(*install, *bound, f"{source}[test]")
        if given.newest_pydicom:
            _call(*install, "--upgrade", "--prerelease", "allow", "--no-deps", "pydicom")
        _call(tools, "-m", "uv", "pip", "list", "--quiet", "--python", python)
        options = ["-q", "-m", "quick", "-p", "no:cacheprovider", "--import-mode=importlib", "--numprocesses", "auto"]
        _call(python, "-P", "-m", "pytest", *options, *arguments, cwd=source)


def _environment(place: Path) -> Path:
    venv.create(place, with_pip=True)
    return place / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def _unpacked(archive: Path, place: Path) -> Path:
    with tarfile.open(archive) as files:
        files.extractall(place, filter="data")
    (source,) = place.iterdir()
    return source


def _look_at(source: Path, wheel: Path) -> None:
    """Compare what is in the packages with what git has."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        kept = {line for line in listed.stdout.splitlines() if line.split("/")[0] not in NOT_IN_IT}
        missing = sorted(path for path in kept if not (source / path).is_file())
        assert not missing, f"the source distribution lacks {missing}"
        packed = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
        assert not (more := sorted(packed - set(listed.stdout.splitlines()) - {"PKG-INFO"})), f"git has no {more}"
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
        (metadata,) = (files.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    assert "# streamdcm" in metadata, "the package has no description"
    assert not (dead := re.findall(r"\]\((?!\w+:|#)[^)]+\)", metadata)), f"a package index has no {dead}"
    expected = {
        str(path.relative_to(source))
        for path in (source / "streamdcm").rglob("*")
        if path.suffix not in (".c", ".h", "") or path.name == "py.typed"
    }
    assert expected <= names, f"the wheel lacks {sorted(expected - names)}"
    assert "streamdcm/py.typed" in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"streamdcm", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}, f"the wheel has {tops}"


def _call(*words: str | Path, cwd: Path | None = None) -> None:
    print("$", *words, flush=True)
    done = subprocess.run([str(word) for word in words], cwd=cwd)
    if done.returncode:
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
