"""What workers and journals say and keep of what is none of their business: nothing."""

import subprocess
import sys

import pytest

from streamdcm.batch import Batch
from streamdcm.batch.messages import packed
from streamdcm.errors import PlanError


def test_a_worker_that_nobody_hears_ends_quietly(tmp_path):
    plan = Batch(tmp_path / "in", tmp_path / "out/{name}").to_json()
    command = [sys.executable, "-m", "streamdcm.batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        worker.stdout.close()
        worker.stdin.write(packed({"path": sys.path, "plan": plan}))
        worker.stdin.flush()
        assert worker.stderr.read() == b""
    assert worker.returncode == 143


@pytest.mark.parametrize("where", ["source", "target"])
def test_a_password_in_a_url_is_refused_before_a_journal_keeps_it(where):
    url = "https://user:s3cret@example.org/{name}"
    given = ([url], "out/{name}") if where == "source" else (["in"], url)
    with pytest.raises(PlanError, match="names a password, which the journal would keep") as caught:
        Batch(*given)
    assert "s3cret" not in str(caught.value)
