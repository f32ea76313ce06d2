"""What workers and journals say and keep of what is none of their business: nothing."""

import subprocess
import sys

import pytest

from streamdcm.batch import Batch
from streamdcm.batch.kept_names import kept_name
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


SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F2026&X-Amz-Expires=60&X-Amz-Signature=5ec3e7"


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ("/archive/a?sig=b.dcm", "/archive/a?sig=b.dcm"),
        ("s3://bucket/a?sig=b.dcm", "s3://bucket/a?sig=b.dcm"),
        ("https://user:5ec3e7@host/a.dcm", "https://host/a.dcm"),
        (f"https://bucket.host/a.dcm?{SIGNED}", "https://bucket.host/a.dcm"),
        ("https://host/a.dcm?sv=2026&sp=r&se=2026-12-01&sig=5ec3e7", "https://host/a.dcm"),
    ],
)
def test_what_a_journal_keeps_of_a_name(place, kept):
    assert kept_name(place) == kept


def test_a_query_that_tells_sources_apart_still_does_so():
    one, other = (kept_name(f"https://host/wado?objectUID={uid}&{SIGNED}") for uid in ("1.2.3", "1.2.4"))
    assert one != other
    assert one == kept_name("https://host/wado?objectUID=1.2.3")
    assert "1.2.3" not in one


def test_neither_plan_nor_text_of_a_batch_shows_what_a_url_says_in_confidence():
    batch = Batch([f"https://host/a.dcm?{SIGNED}"], f"https://host/{{name}}?{SIGNED}")
    assert "5ec3e7" not in batch.fingerprint() + repr(batch)
    assert Batch.from_json(batch.to_json()).sources == batch.sources


@pytest.mark.parametrize("where", ["source", "target"])
def test_a_password_in_a_url_is_refused_before_a_journal_keeps_it(where):
    url = "https://user:s3cret@example.org/{name}"
    given = ([url], "out/{name}") if where == "source" else (["in"], url)
    with pytest.raises(PlanError, match="names a password, which the journal would keep") as caught:
        Batch(*given)
    assert "s3cret" not in str(caught.value)
