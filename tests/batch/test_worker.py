"""A worker whose coordinator is gone ends, without a word."""

import subprocess
import sys

from streamdcm.batch import Batch
from streamdcm.batch.messages import packed


def test_a_worker_that_nobody_hears_ends_quietly(tmp_path):
    plan = Batch(tmp_path / "in", tmp_path / "out/{name}").to_json()
    command = [sys.executable, "-m", "streamdcm.batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        worker.stdout.close()
        worker.stdin.write(packed({"path": sys.path, "plan": plan}))
        worker.stdin.flush()
        assert worker.stderr.read() == b""
    assert worker.returncode == 143
