"""What `pydicom.dcmwrite` documents of its arguments holds for ours."""

import contextlib
import functools
import io
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO, DicomFile
from pydicom.filewriter import dcmwrite as pydicom_dcmwrite
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from streamdcm import StreamdcmError, dcmwrite, encoded_size, iter_chunks
from tests.support.corpus import CORPUS, as_read, deferred, parsed
from tests.support.oracle import assert_drop_in, assert_unchanged, outcome, snapshot

CT = next(path for path in CORPUS if path.name == "CT_small.dcm")
PRIVATE_SYNTAX = UID("1.2.3.4.5")


def small(**attributes: Any) -> Dataset:
    """A dataset made from scratch; `meta` and the rest are set as attributes."""
    dataset = Dataset()
    dataset.PatientName = "Citizen^Jan"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.SmallestImagePixelValue = 3
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def meta(syntax: str | None = ExplicitVRLittleEndian, **elements: Any) -> FileMetaDataset:
    result = FileMetaDataset()
    if syntax is not None:
        result.TransferSyntaxUID = UID(syntax)
    for keyword, value in elements.items():
        setattr(result, keyword, value)
    return result


def same(build: Callable[[], Dataset], **options: Any) -> None:
    assert_drop_in(build, options)


# --- Preamble and prefix -----------------------------------------------------------------------------


@pytest.mark.parametrize("enforce", [False, True])
@pytest.mark.parametrize(
    "preamble", [None, b"", b"\0" * 127, b"\0" * 128, bytes(range(128)), b"\0" * 129, bytearray(128), "absent"]
)
def test_a_preamble_is_written_or_refused_as_pydicom_does(preamble: Any, enforce: bool) -> None:
    def build() -> Dataset:
        dataset = small(file_meta=meta())
        if preamble != "absent":
            dataset.preamble = preamble
        return dataset

    same(build, enforce_file_format=enforce)


def test_the_prefix_is_written_with_a_preamble_only() -> None:
    with_preamble = outcome(dcmwrite, small(file_meta=meta(), preamble=b"x" * 128)).data
    without = outcome(dcmwrite, small(file_meta=meta(), preamble=None)).data
    assert with_preamble == b"x" * 128 + b"DICM" + without


# --- File meta information ---------------------------------------------------------------------------

METAS: dict[str, Callable[[], FileMetaDataset | None]] = {
    "none": lambda: None,
    "empty": FileMetaDataset,
    "syntax": meta,
    "no syntax": lambda: meta(None, MediaStorageSOPInstanceUID="1.2"),
    "group length": lambda: meta(FileMetaInformationGroupLength=7),
    "other class": lambda: meta(MediaStorageSOPClassUID="1.2.9", MediaStorageSOPInstanceUID="1.2.8"),
    "own implementation": lambda: meta(ImplementationClassUID="1.9", ImplementationVersionName="mine"),
    "empty required": lambda: meta(ImplementationClassUID=""),
    "all": lambda: meta(
        FileMetaInformationVersion=b"\x00\x01",
        SourceApplicationEntityTitle="SOURCE",
        PrivateInformationCreatorUID="1.2.3",
        PrivateInformation=b"\x01\x02\x03",
    ),
}


@pytest.mark.parametrize("name", METAS)
@pytest.mark.parametrize("arguments", [{}, {"implicit_vr": True}, {"implicit_vr": False}], ids=str)
@pytest.mark.parametrize("enforce", [False, True])
def test_file_meta_is_written_completed_or_refused_as_pydicom_does(
    name: str, arguments: dict[str, bool], enforce: bool
) -> None:
    same(lambda: small(file_meta=METAS[name]()), enforce_file_format=enforce, **arguments)


def test_a_dataset_without_file_meta_is_written_as_pydicom_writes_it() -> None:
    for enforce in (False, True):
        same(small, enforce_file_format=enforce)
        same(small, enforce_file_format=enforce, implicit_vr=True)
        same(small, enforce_file_format=enforce, implicit_vr=False, little_endian=False)


@pytest.mark.parametrize("missing", ["SOPClassUID", "SOPInstanceUID"])
def test_a_required_uid_that_nobody_set_is_refused(missing: str) -> None:
    def build() -> Dataset:
        dataset = small(file_meta=meta())
        delattr(dataset, missing)
        return dataset

    same(build)
    same(build, enforce_file_format=True)
    assert isinstance(outcome(dcmwrite, build(), enforce_file_format=True).error, StreamdcmError)


def test_file_meta_that_was_completed_stays_incomplete_in_the_dataset() -> None:
    dataset = small(file_meta=meta())
    dcmwrite(io.BytesIO(), dataset, enforce_file_format=True)
    assert list(dataset.file_meta.keys()) == [0x00020010]


@pytest.mark.parametrize("tag", [0x00000002, 0x00000900, 0x00020010, 0x00020000])
def test_elements_of_groups_0000_and_0002_are_refused_in_the_dataset(tag: int) -> None:
    def build() -> Dataset:
        dataset = small(file_meta=meta())
        dataset.add_new(tag, "UL" if tag != 0x00020010 else "UI", 1 if tag != 0x00020010 else "1.2")
        return dataset

    same(build)
    assert isinstance(outcome(dcmwrite, build()).error, StreamdcmError)


def test_other_groups_are_refused_in_the_file_meta() -> None:
    def build() -> Dataset:
        dataset = small(file_meta=meta())
        dataset.file_meta._dict[0x00100020] = dataset["PatientName"]  # past pydicom's own checks
        return dataset

    same(build)
    same(build, enforce_file_format=True)
    assert isinstance(outcome(dcmwrite, build()).error, StreamdcmError)


# --- Encoding ----------------------------------------------------------------------------------------

SYNTAX_CHOICES = (
    None,
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    PRIVATE_SYNTAX,
    UID("1.2.840.10008.5.1.4.1.1.2"),
    UID("1.2.840.10008.1.2.999"),
)
FLAGS = (None, True, False)


def private_uid(syntax: UID | None) -> str:
    return "absent" if syntax is None else syntax.name


@pytest.mark.parametrize("syntax", SYNTAX_CHOICES, ids=private_uid)
def test_the_encoding_is_chosen_or_refused_as_pydicom_does(syntax: UID | None) -> None:
    for implicit, little, force, enforce in itertools.product(FLAGS, FLAGS, (False, True), (False, True)):
        same(
            lambda: small(file_meta=meta(syntax)),
            implicit_vr=implicit,
            little_endian=little,
            force_encoding=force,
            enforce_file_format=enforce,
        )


@pytest.mark.parametrize("encoding", [(True, True), (False, True), (False, False), (True, False)], ids=str)
@pytest.mark.parametrize("syntax", [None, ExplicitVRLittleEndian, PRIVATE_SYNTAX], ids=private_uid)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_encoding_of_the_dataset_is_the_last_resort(syntax: UID | None, encoding: tuple[bool, bool]) -> None:
    def build() -> Dataset:
        dataset = small(file_meta=meta(syntax))
        dataset.is_implicit_VR, dataset.is_little_endian = encoding
        return dataset

    same(build)
    same(build, implicit_vr=True)
    same(build, enforce_file_format=True)


@pytest.mark.parametrize("state", [as_read, parsed, deferred])
def test_the_encoding_that_was_read_is_used_where_nothing_else_is_said(state: Callable[[Path], Dataset]) -> None:
    def build() -> Dataset:
        dataset = state(CT)
        del dataset.file_meta.TransferSyntaxUID
        return dataset

    same(build)
    same(build, implicit_vr=True)
    same(build, enforce_file_format=True)


def test_a_private_transfer_syntax_that_pydicom_was_told_about_is_used() -> None:
    for implicit, little in ((True, True), (False, True), (False, False)):
        syntax = UID("1.2.3.4.6")
        syntax.set_private_encoding(implicit, little)

        def build(syntax: UID = syntax) -> Dataset:
            dataset = small(file_meta=FileMetaDataset())
            dataset.file_meta.TransferSyntaxUID = syntax
            return dataset

        same(build)
        same(build, implicit_vr=True)


def test_pydicoms_future_settings_are_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_use_future", True)
    same(lambda: small(file_meta=meta()))
    same(small)
    same(lambda: small(file_meta=meta()), write_like_original=True)


# --- write_like_original and unknown keywords --------------------------------------------------------


@pytest.mark.parametrize("value", [True, False])
def test_write_like_original_warns_and_works_as_in_pydicom(value: bool) -> None:
    def build() -> Dataset:
        return small(file_meta=meta())

    for arguments, options in (((value,), {}), ((), {"write_like_original": value})):
        ours = outcome(dcmwrite, build(), *arguments, **options)
        theirs = outcome(pydicom_dcmwrite, build(), *arguments, **options)
        assert ours.error is theirs.error is None
        assert ours.data == theirs.data
        assert ours.warned == theirs.warned == {DeprecationWarning: 1}


def test_write_like_original_wins_over_enforce_file_format() -> None:
    dataset = small(file_meta=meta())
    ours = outcome(dcmwrite, dataset, True, enforce_file_format=True)
    theirs = outcome(pydicom_dcmwrite, dataset, True, enforce_file_format=True)
    assert (ours.data, ours.warned) == (theirs.data, theirs.warned)


def test_write_like_original_is_taken_once() -> None:
    with pytest.raises(TypeError, match="write_like_original"):
        dcmwrite(io.BytesIO(), small(file_meta=meta()), True, write_like_original=True)


def test_write_like_original_none_says_nothing() -> None:
    assert not outcome(dcmwrite, small(file_meta=meta()), None).warned
    assert not outcome(dcmwrite, small(file_meta=meta()), write_like_original=None).warned


@pytest.mark.parametrize("write", [dcmwrite, pydicom_dcmwrite])
def test_an_unknown_keyword_is_a_type_error(write: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="is_undefined"):
        write(io.BytesIO(), small(file_meta=meta()), is_undefined=True)
    with pytest.raises(TypeError):
        write(filename=io.BytesIO(), dataset=small(file_meta=meta()))


@pytest.mark.parametrize("options", [{"sequence_lengths": "some"}, {"group_lengths": True}, {"long_values": "x"}])
def test_a_nonsense_option_is_refused_before_the_first_byte(options: dict[str, Any]) -> None:
    result = outcome(dcmwrite, small(file_meta=meta()), **options)
    assert isinstance(result.error, TypeError | ValueError)
    assert not result.data


@pytest.mark.parametrize("dataset", [None, 5, "text", {}, b"data"])
def test_what_is_no_dataset_is_refused(dataset: Any, tmp_path: Path) -> None:
    with pytest.raises((TypeError, AttributeError)):
        dcmwrite(tmp_path / "out.dcm", dataset)
    assert not list(tmp_path.iterdir())


# --- Targets -----------------------------------------------------------------------------------------


def wanted() -> bytes:
    return outcome(pydicom_dcmwrite, as_read(CT)).data


class PathLike:
    def __init__(self, path: Any) -> None:
        self.path = path

    def __fspath__(self) -> Any:
        return self.path


@pytest.mark.parametrize(
    "kind",
    [str, Path, lambda path: os.fsencode(path), PathLike, lambda path: PathLike(os.fsencode(path))],
    ids=["str", "Path", "bytes", "PathLike", "PathLike of bytes"],
)
def test_a_path_may_be_of_any_kind(kind: Callable[[str], Any], tmp_path: Path) -> None:
    target = tmp_path / "out.dcm"
    result = dcmwrite(kind(str(target)), as_read(CT))
    assert target.read_bytes() == wanted()
    assert result.bytes_written == len(wanted())
    assert os.path.samefile(result.location, target)


def test_overwrite_false_keeps_what_is_there(tmp_path: Path) -> None:
    target = tmp_path / "out.dcm"
    dcmwrite(target, as_read(CT), overwrite=False)
    assert target.read_bytes() == wanted()
    target.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        dcmwrite(target, as_read(CT), overwrite=False)
    assert target.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["out.dcm"]
    dcmwrite(target, as_read(CT))
    assert target.read_bytes() == wanted()


def test_overwrite_false_lets_one_of_several_writers_win(tmp_path: Path) -> None:
    target = tmp_path / "out.dcm"
    datasets = [as_read(CT) for _ in range(8)]
    start = threading.Barrier(8)

    def write(dataset: Dataset) -> bool:
        start.wait()
        with contextlib.suppress(FileExistsError):
            dcmwrite(target, dataset, overwrite=False)
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, datasets)) == 1
    assert target.read_bytes() == wanted()


def test_an_open_file_stays_open_and_its_position_is_the_start(tmp_path: Path) -> None:
    target = tmp_path / "out.dcm"
    with target.open("wb") as file:
        file.write(b"before")
        dcmwrite(file, as_read(CT))
        assert not file.closed
        file.write(b"after")
    assert target.read_bytes() == b"before" + wanted() + b"after"


def test_dicom_io_targets_are_taken(tmp_path: Path) -> None:
    buffer = DicomBytesIO()
    dcmwrite(buffer, as_read(CT))
    assert buffer.getvalue() == wanted()
    file = DicomFile(str(tmp_path / "out.dcm"), "wb")
    dcmwrite(file, as_read(CT))
    file.close()
    assert (tmp_path / "out.dcm").read_bytes() == wanted()


@pytest.mark.parametrize("target", [None, 5, object(), ["out.dcm"], io.StringIO()], ids=type)
def test_anything_else_is_a_type_error(target: Any) -> None:
    with pytest.raises(TypeError):
        dcmwrite(target, as_read(CT))


# --- Beside pydicom ----------------------------------------------------------------------------------


def test_save_as_works_with_our_dcmwrite_in_pydicoms_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []

    @functools.wraps(dcmwrite)
    def recorded(*args: Any, **options: Any) -> Any:
        calls.append(options)
        return dcmwrite(*args, **options)

    monkeypatch.setattr(pydicom, "dcmwrite", recorded)
    as_read(CT).save_as(tmp_path / "plain.dcm")
    as_read(CT).save_as(tmp_path / "enforced.dcm", enforce_file_format=True, overwrite=False)
    small(file_meta=meta(None)).save_as(tmp_path / "implicit.dcm", implicit_vr=True)
    with pytest.warns(DeprecationWarning):
        as_read(CT).save_as(tmp_path / "original.dcm", write_like_original=False)
    with pytest.raises(FileExistsError):
        as_read(CT).save_as(tmp_path / "plain.dcm", overwrite=False)
    assert len(calls) == 5
    monkeypatch.undo()
    enforced = outcome(pydicom_dcmwrite, as_read(CT), enforce_file_format=True).data
    assert (tmp_path / "plain.dcm").read_bytes() == wanted()
    assert (tmp_path / "enforced.dcm").read_bytes() == enforced
    assert (tmp_path / "original.dcm").read_bytes() == enforced
    implicit = outcome(pydicom_dcmwrite, small(file_meta=meta(None)), implicit_vr=True).data
    assert (tmp_path / "implicit.dcm").read_bytes() == implicit


@pytest.mark.parametrize("state", [as_read, parsed, deferred])
def test_threads_that_write_one_dataset_write_the_same_bytes(state: Callable[[Path], Dataset]) -> None:
    dataset = state(CT)
    dataset.EncapsulatedDocument = io.BytesIO(b"\xff" + bytes(range(256)) * 1200)
    dataset.EncapsulatedDocument.seek(1)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    before = snapshot(dataset)
    once = b"".join(iter_chunks(dataset))

    def write(index: int) -> bytes:
        if index % 3 == 0:
            return b"".join(iter_chunks(dataset, chunk_size=4096))
        buffer = io.BytesIO()
        dcmwrite(buffer, dataset, chunk_size=1000 + index)
        return buffer.getvalue()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(32))) == {once}
    assert encoded_size(dataset) == len(once)
    assert_unchanged(before, snapshot(dataset))


def test_a_buffered_value_stays_where_it_was_while_chunks_are_taken() -> None:
    dataset = small(file_meta=meta())
    buffer = io.BytesIO(bytes(300_000))
    buffer.seek(7)
    dataset.EncapsulatedDocument = buffer
    positions = {buffer.tell() for _ in iter_chunks(dataset, chunk_size=1000)}
    assert positions == {7}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian], ids=private_uid)
def test_each_of_many_buffered_values_arrives(syntax: UID) -> None:
    def build() -> Dataset:
        dataset = small(file_meta=meta(syntax))
        block = dataset.private_block(0x0043, "MANY", create=True)
        for index in range(200):
            block.add_new(index, "OB", io.BytesIO(bytes([index]) * (2 * index)))
        return dataset

    for chunk_size in (1, 64, 1 << 20):
        same(build, chunk_size=chunk_size)
