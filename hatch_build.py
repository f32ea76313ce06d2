"""Builds the optional C module: a wheel with it where there is a compiler, else one of Python alone."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "streamdcm/encode/_hot.c"
MODULE = "streamdcm.encode._hot"


class CModule(BuildHookInterface):
    """Compiles the C module; ``STREAMDCM_REQUIRE_C=1`` in the environment makes it an error if that fails."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the module, beside its source for an editable install, and tell the builder of it."""
        try:
            built = self._built()
        except Exception as error:
            if _is_set("STREAMDCM_REQUIRE_C"):
                raise
            self.app.display_warning(f"streamdcm is installed without its C module: {error}")
            return
        beside = Path(SOURCE).parent / built.name
        if version == "editable":
            (Path(self.root) / beside).write_bytes(built.read_bytes())
        else:
            build_data["force_include"][str(built)] = beside.as_posix()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def _built(self) -> Path:
        if sys.implementation.name != "cpython":
            raise RuntimeError("it is for CPython")
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            raise RuntimeError("it needs the global interpreter lock")
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext

        directory = mkdtemp(prefix="streamdcm-build-")
        module = Extension(MODULE, [SOURCE], extra_compile_args=[] if os.name == "nt" else ["-std=c11"])
        command = build_ext(Distribution({"name": "streamdcm", "ext_modules": [module]}))
        command.build_lib = command.build_temp = directory
        command.ensure_finalized()
        before = Path.cwd()
        os.chdir(self.root)
        try:
            command.run()
        finally:
            os.chdir(before)
        return Path(command.get_outputs()[0])


def _is_set(name: str) -> bool:
    return os.environ.get(name, "0") not in ("", "0")
