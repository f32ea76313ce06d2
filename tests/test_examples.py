"""The programs of docs/examples do what they say, as programs, each in under 40 lines."""

import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import LegacyConvertedEnhancedCTImageStorage

from tests.support import ROOT
from tests.support.tools import package
from tests.support.tools import run as tool

pytestmark = pytest.mark.slow

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
CT = Path(get_testdata_file("CT_small.dcm"))
SLICES = Path(get_testdata_file("dicomdirtests/98892001/CT5N/2062")).parent


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three slices of one series."""
    study = tmp_path / "study"
    (study / "series").mkdir(parents=True)
    for number in (3, 1, 2):
        dataset = dcmread(CT)
        dataset.InstanceNumber = number
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{dataset.SOPInstanceUID}.{number}"
        dataset.ImagePositionPatient = [0, 0, number]
        dataset.save_as(study / "series" / f"{number}.dcm")
    return study


def run(name: str, *arguments: str | Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "examples" / f"{name}.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_under_40_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < 40
    assert f"test_{path.stem}" in globals(), "each has a test here"


def test_anonymise_folder(study: Path, tmp_path: Path) -> None:
    run("anonymise_folder", study, tmp_path / "out")
    found = [dcmread(path) for path in sorted((tmp_path / "out" / "series").glob("*.dcm"))]
    assert [str(each.PatientName) for each in found] == ["anonymous"] * 3
    assert len({each.StudyInstanceUID for each in found}) == 1
    assert len({each.SOPInstanceUID for each in found}) == 3
    assert all(each.PixelData == dcmread(CT).PixelData for each in found)


OF_THE_WHOLE = {
    *("ContentTime", "ImageType", "InstanceNumber", "PixelData"),
    *("SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID"),
}
"""What an image of all slices has in place of theirs."""


def test_slices_to_multiframe(tmp_path: Path) -> None:
    slices = sorted(SLICES.iterdir(), reverse=True)
    run("slices_to_multiframe", tmp_path / "out.dcm", *slices)
    found = dcmread(tmp_path / "out.dcm")
    images = sorted(map(dcmread, slices), key=lambda image: image.InstanceNumber)
    assert found.SOPClassUID == found.file_meta.MediaStorageSOPClassUID == LegacyConvertedEnhancedCTImageStorage
    assert found.NumberOfFrames == len(images) == 5
    assert found.PixelData == b"".join(image.PixelData for image in images)
    for groups, image in zip(found.PerFrameFunctionalGroupsSequence, images, strict=True):
        [source] = groups.ConversionSourceAttributesSequence
        assert source.ReferencedSOPClassUID == image.SOPClassUID
        assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
        assert groups.PlanePositionSequence[0].ImagePositionPatient == image.ImagePositionPatient
        told = {element.tag: element for item in groups for element in item.value[0]}
        for element in image:
            if element.keyword not in OF_THE_WHOLE:
                assert told.get(element.tag, found.get(element.tag)) == element
    assert errors_in(tmp_path / "out.dcm") <= {error for path in slices for error in errors_in(path)}


def errors_in(path: Path) -> set[str]:
    """Return what dicom3tools' judge calls an error."""
    return {line for line in tool("dciodvfy", path).stdout.splitlines() if "Error" in line}


def test_camera(tmp_path: Path) -> None:
    run("camera", tmp_path / "cine.dcm", "0.3")
    assert dcmread(tmp_path / "cine.dcm").NumberOfFrames > 1


def test_zip_study(study: Path, tmp_path: Path) -> None:
    run("zip_study", study, tmp_path / "study.zip")
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            with archive.open(name) as member:
                assert dcmread(member).PatientName == "anonymous"
        assert len(archive.namelist()) == 3


def test_process_pool(study: Path, tmp_path: Path) -> None:
    said = run("process_pool", study, tmp_path / "out")
    assert said.count(" bytes\n") == 3
    assert dcmread(tmp_path / "out" / "series" / "1.dcm").PixelData == dcmread(CT).PixelData


def test_bucket_to_bucket(study: Path) -> None:
    boto3, server = package("boto3"), package("moto.server").ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        secrets = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
        variables = {**secrets, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        client: Any = boto3.client(
            "s3",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            aws_access_key_id="a",
            aws_secret_access_key="b",
            region_name="us-east-1",
        )
        for bucket in ("one", "two"):
            client.create_bucket(Bucket=bucket)
        client.upload_file(str(study / "series" / "1.dcm"), "one", "in/1.dcm")
        run("bucket_to_bucket", "s3://one/in", "s3://two/out", **variables)
        client.download_file("two", "out/1.dcm", str(study / "back.dcm"))
        assert dcmread(study / "back.dcm").PatientName == "anonymous"
    finally:
        server.stop()


def test_web_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package("fastapi")
    uvicorn, httpx2 = package("uvicorn"), package("httpx2")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.syspath_prepend(ROOT / "docs" / "examples")
    server = uvicorn.Server(uvicorn.Config("web_service:app", port=0, log_level="error"))
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    while not server.started:
        assert serving.is_alive()
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    with httpx2.Client(trust_env=False) as client:
        assert client.put(f"{url}/1.dcm", content=CT.read_bytes()).json()["bytes"] > 32_768
        assert client.put(f"{url}/2.dcm", content=b"no DICOM").status_code == 400
        (tmp_path / "back.dcm").write_bytes(client.get(f"{url}/1.dcm").content)
        assert client.get(f"{url}/2.dcm").status_code == 404
    server.should_exit = True
    serving.join()
    assert dcmread(tmp_path / "1.dcm").PatientName == "Doe^Jane"
    assert dcmread(tmp_path / "back.dcm").PatientName == "anonymous"
    assert not (tmp_path / "2.dcm").exists()
