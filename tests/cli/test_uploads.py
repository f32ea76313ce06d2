"""``streamdcm uploads`` and its arguments; what it does is tested in ``tests/sinks/storage/test_s3.py``."""

import pytest

from streamdcm.cli.app import main
from tests.support.tools import package


@pytest.mark.parametrize("url", ["az://container/", "folder", "s3://", "s3:///key"])
def test_what_has_no_uploads_is_refused_with_what_to_give(url, capsys):
    package("boto3")
    assert main(["uploads", "--list", url]) == 1
    assert "s3://BUCKET" in capsys.readouterr().err


def test_listing_and_aborting_exclude_each_other():
    with pytest.raises(SystemExit, match="2"):
        main(["uploads", "--list", "--abort", "s3://bucket"])
    with pytest.raises(SystemExit, match="2"):
        main(["uploads", "s3://bucket"])
