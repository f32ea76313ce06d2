"""What we write is read by programs that nobody here wrote: DCMTK, GDCM and pydicom."""

import io
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite as pydicom_dcmwrite
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from streamdcm import dcmwrite
from tests.support.corpus import (
    CORPUS,
    FOUR_SYNTAXES,
    JPIP_DEFLATED,
    as_read,
    is_one_of_many,
    name,
    with_deflated_jpip,
    with_syntax,
)
from tests.support.oracle import dataset_offset, inflated, outcome
from tests.support.tools import need, run
from tests.support.wire import UNDEFINED, Element, levels, parse, sequences

pytestmark = pytest.mark.slow

SYNTAXES: tuple[UID | None, ...] = (None, *FOUR_SYNTAXES)
LAYOUTS = (
    {},
    {"sequence_lengths": "defined", "group_lengths": "write"},
    {"sequence_lengths": "undefined", "group_lengths": "write"},
)
#: Input that is broken in a way that a writer keeps, and that its readers take for what it is.
MALFORMED = {
    "rtplan_truncated.dcm": "ends in the middle of a value of odd length",
    "nested_priv_SQ.dcm": "has elements of group 0001, which PS3.5 §7.8 forbids",
    "priv_SQ.dcm": "has elements of group 0001, which PS3.5 §7.8 forbids",
    "meta_missing_tsyntax.dcm": "has elements of group 0001, which PS3.5 §7.8 forbids",
}
FILES = [path for path in CORPUS if not is_one_of_many(path) and path.name not in MALFORMED]
CT = next(path for path in CORPUS if path.name == "CT_small.dcm")


def syntax_name(uid: UID | None) -> str:
    return "as read" if uid is None else uid.keyword


def layout_name(layout: dict[str, str]) -> str:
    return layout.get("sequence_lengths", "preserve")


def state(syntax: UID | None) -> Callable[[Path], Dataset]:
    return as_read if syntax is None else with_syntax(syntax)


def is_lost_on_readers(path: Path, syntax: UID | None) -> bool:
    """A private sequence in Implicit VR: readers know it only by its undefined length."""
    return path.name == "UN_sequence.dcm" and syntax == ImplicitVRLittleEndian


def write_all(folder: Path, write: Any, build: Callable[[Path], Dataset], **options: Any) -> dict[Path, Path]:
    """Where in `folder` each corpus file was written, for those that can be written so."""
    written = {}
    for index, path in enumerate(FILES):
        result = outcome(write, build(path), **options)
        if result.error is None:
            target = folder / f"{index:03}.dcm"
            target.write_bytes(result.data)
            written[path] = target
    return written


def dumped(files: Iterable[Path]) -> dict[Path, list[str]]:
    """What `dcmdump` shows of each file, without lengths; files it complains about are left out."""
    listing = run("dcmdump", "+F", *files).stdout
    bad = set(re.findall(r"^E: dcmdump: .*reading file: (.*)$", listing, re.MULTILINE))
    dumps: dict[Path, list[str]] = defaultdict(list)
    current = Path()
    for line in listing.splitlines():
        if header := re.match(r"# dcmdump \(\d+/\d+\): (.*)", line):
            current = Path(header[1])
        elif re.match(r"\s*\(", line) and not re.match(r"\s*\((....,0000|fffe,e00d|fffe,e0dd)\)", line):
            line = re.sub(r"\s*# +[\du/l]+, *\d.*$", "", line)
            line = re.sub(r"\(Item (.*) #=\d+\)", r"(Item \1)", line)
            dumps[current].append(line.replace("with undefined length", "with explicit length"))
    return {path: lines for path, lines in dumps.items() if str(path) not in bad}


@pytest.mark.parametrize("layout", LAYOUTS, ids=layout_name)
@pytest.mark.parametrize("syntax", SYNTAXES, ids=syntax_name)
def test_dcmdump_shows_the_same_in_our_files_as_in_those_of_pydicom(
    syntax: UID | None, layout: dict[str, str], tmp_path: Path
) -> None:
    need("dcmdump")
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours = write_all(tmp_path / "ours", dcmwrite, state(syntax), **layout)
    theirs = write_all(tmp_path / "theirs", pydicom_dcmwrite, state(syntax))
    shown_ours, shown_theirs = dumped(ours.values()), dumped(theirs.values())
    compared = 0
    for path in ours:
        if is_lost_on_readers(path, syntax):
            continue
        if theirs[path] in shown_theirs:
            assert shown_ours.get(ours[path]) == shown_theirs[theirs[path]], name(path)
            compared += 1
    assert compared > 0.5 * len(FILES)


def accepted(program: str, files: dict[Path, Path]) -> set[Path]:
    """The corpus files of which the program reads what was written."""
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda file: run(program, file).returncode == 0, files.values())
        return {path for path, good in zip(files, done, strict=True) if good}


@pytest.mark.parametrize(
    ("program", "syntax", "layout"),
    [("gdcminfo", None, LAYOUTS[1]), ("gdcmdump", None, LAYOUTS[2]), ("gdcmdump", FOUR_SYNTAXES[3], LAYOUTS[1])],
    ids=["gdcminfo", "gdcmdump", "gdcmdump, deflated"],
)
def test_gdcm_reads_what_it_reads_from_pydicom(
    program: str, syntax: UID | None, layout: dict[str, str], tmp_path: Path
) -> None:
    need(program)
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    ours = write_all(tmp_path / "ours", dcmwrite, state(syntax), **layout)
    theirs = write_all(tmp_path / "theirs", pydicom_dcmwrite, state(syntax))
    good = accepted(program, theirs)
    assert len(good) > 0.5 * len(FILES)
    assert good & set(ours) <= accepted(program, ours)


def test_dcmftest_says_yes_to_all_files_of_the_file_format(tmp_path: Path) -> None:
    need("dcmftest")
    written = []
    for syntax in SYNTAXES:
        folder = tmp_path / syntax_name(syntax)
        folder.mkdir()
        written += write_all(folder, dcmwrite, state(syntax), enforce_file_format=True).values()
    answers = run("dcmftest", *written).stdout.splitlines()
    assert len(written) > 3 * len(FILES)
    assert answers == [f"yes: {path}" for path in written]


def test_dcmdump_inflates_jpip_referenced_deflate(tmp_path: Path) -> None:
    need("dcmdump")
    deflated, plain = tmp_path / "deflated.dcm", tmp_path / "plain.dcm"
    dataset = with_deflated_jpip(CT, JPIP_DEFLATED[0])
    dcmwrite(deflated, dataset)
    dataset.file_meta.TransferSyntaxUID = FOUR_SYNTAXES[1]
    dcmwrite(plain, dataset)
    assert deflated.stat().st_size < plain.stat().st_size
    shown = dumped([deflated, plain])

    def body(file: Path) -> list[str]:
        return [line for line in shown[file] if not line.startswith("(0002,")]

    assert len(body(deflated)) > 100
    assert body(deflated) == body(plain)


@pytest.mark.parametrize("uid", JPIP_DEFLATED)
def test_the_deflated_syntaxes_differ_in_their_file_meta_alone(uid: UID) -> None:
    """DCMTK before 3.6.8 does not know 1.2.840.10008.1.2.4.205, but it reads these bytes above."""
    jpip, deflated = (
        outcome(dcmwrite, with_deflated_jpip(CT, syntax)).data for syntax in (uid, DeflatedExplicitVRLittleEndian)
    )
    assert jpip[dataset_offset(jpip) :] == deflated[dataset_offset(deflated) :]


# --- Lengths, by a parser of our own ------------------------------------------------------------------


def parsed_output(path: Path, syntax: UID | None, **layout: str) -> list[Element] | None:
    """What we write of a corpus file, in elements; None where it cannot be written so."""
    dataset = state(syntax)(path)
    result = outcome(dcmwrite, dataset, **layout)
    if result.error is not None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = frozenset(sequence_paths(dataset))
    uid = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    data = inflated(result.data) if uid and uid.is_deflated else result.data
    implicit, little = (uid.is_implicit_VR, uid.is_little_endian) if uid else dataset.original_encoding
    return parse(data[dataset_offset(data) :], implicit=implicit, little=little, sequence_paths=paths)


def sequence_paths(dataset: Dataset, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Where pydicom finds sequences."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:
            continue
        if element.VR == "SQ":
            yield (*path, int(tag))
            for item in element.value:
                yield from sequence_paths(item, (*path, int(tag)))


def all_parsed(syntax: UID | None, **layout: str) -> Iterator[tuple[Path, list[Element]]]:
    parsed = 0
    for path in FILES:
        elements = parsed_output(path, syntax, **layout)
        if elements is not None:
            parsed += 1
            yield path, elements
    assert parsed > 0.5 * len(FILES)


@pytest.mark.parametrize("sequence_lengths", ["preserve", "defined", "undefined"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=syntax_name)
def test_group_lengths_are_those_of_their_groups(syntax: UID | None, sequence_lengths: str) -> None:
    for path, elements in all_parsed(syntax, group_lengths="write", sequence_lengths=sequence_lengths):
        for level in levels(elements):
            groups: dict[int, list[Element]] = defaultdict(list)
            for element in level:
                groups[element.tag >> 16].append(element)
            for group, (first, *rest) in groups.items():
                if group == 0x7FE0 and any(element.fragments for element in level):
                    assert first.tag & 0xFFFF != 0, name(path)
                    continue
                where = f"{name(path)} {first.tag:08X}"
                assert first.tag & 0xFFFF == 0, where
                assert first.length == 4, where
                order = "big" if syntax is not None and not syntax.is_little_endian else "little"
                told = {int.from_bytes(first.value, order), int.from_bytes(first.value, "big")}
                assert rest[-1].end - first.end in told, where


@pytest.mark.parametrize("syntax", SYNTAXES, ids=syntax_name)
@pytest.mark.parametrize("sequence_lengths", ["defined", "undefined"])
def test_all_sequences_have_the_kind_of_length_asked_for(syntax: UID | None, sequence_lengths: str) -> None:
    seen = 0
    for path, elements in all_parsed(syntax, sequence_lengths=sequence_lengths):
        for sequence in sequences(elements):
            if sequence.vr == b"UN":
                continue
            seen += 1
            lengths = [sequence.length, *(item.length for item in sequence.items or ())]
            undefined = [length == UNDEFINED for length in lengths]
            where = f"{name(path)} {sequence.tag:08X}"
            assert undefined == [sequence_lengths == "undefined"] * len(lengths), where
    assert seen > 200


@pytest.mark.parametrize("layout", LAYOUTS[1:], ids=layout_name)
@pytest.mark.parametrize("syntax", SYNTAXES, ids=syntax_name)
def test_pydicom_reads_the_same_from_each_layout(syntax: UID | None, layout: dict[str, str]) -> None:
    for path in FILES:
        if is_lost_on_readers(path, syntax):
            continue
        ours = outcome(dcmwrite, state(syntax)(path), **layout)
        theirs = outcome(pydicom_dcmwrite, state(syntax)(path))
        if ours.error is None:
            assert shown_by_pydicom(ours.data) == shown_by_pydicom(theirs.data), name(path)


def shown_by_pydicom(data: bytes) -> list[str]:
    """Tag, VR and value of each element as text, whatever cannot be parsed by its exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_shown(dcmread(io.BytesIO(data), force=True), ""))


def _shown(dataset: Dataset, indent: str) -> Iterator[str]:
    for tag in sorted(dataset.keys()):
        if tag.element == 0 and tag.group > 2:
            continue
        try:
            element = dataset[tag]
        except Exception as error:
            yield f"{indent}{tag} {type(error).__name__}"
            continue
        if element.VR == "SQ":
            yield f"{indent}{tag} SQ {len(element.value)}"
            for item in element.value:
                yield from _shown(item, indent + "  ")
        else:
            yield f"{indent}{tag} {element.VR} {element.value!r}"
