"""Where everything is required, the tests run against what was installed, not against the checkout."""

import subprocess

import pytest

import streamdcm
from tests.support import ROOT, python
from tests.support.tools import REQUIRED


@pytest.mark.skipif(not REQUIRED, reason="an editable install is what one tests while one changes something")
def test_the_wheel_is_tested() -> None:
    program = "import streamdcm; print(streamdcm.__file__, end='')"
    in_a_child = subprocess.run(python(program), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert in_a_child == streamdcm.__file__
    assert not in_a_child.startswith(str(ROOT / "streamdcm"))
