"""``streamdcm copy``: read a DICOM file and write it again, edited or in another transfer syntax."""

import argparse
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from streamdcm.cli.coding import add_coding
from streamdcm.cli.edits import add_edit_function, add_edits
from streamdcm.cli.parser import add_on_error, add_skip_non_dicom, add_workers, count
from streamdcm.cli.plausible import refuse_implausible
from streamdcm.cli.progress import shown
from streamdcm.cli.run import as_options
from streamdcm.cli.sources import is_glob, is_list
from streamdcm.engine.result import WriteResult
from streamdcm.errors import NotDicomError, PlanError, StreamdcmError
from streamdcm.errors.system import told
from streamdcm.files.divide import divide
from streamdcm.files.edits import Edit
from streamdcm.files.rewrite import rewrite
from streamdcm.files.transcode import refuse_coding_in_vain
from streamdcm.options import RewriteOptions, check_options, checks
from streamdcm.options.groups import ProgressCallback
from streamdcm.sinks import printable, scheme_of

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]


def add_command(commands: "Commands", summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "copy",
        help=summary,
        description="Read DICOM files and write them again; pixel data are copied unread where they can be. A file "
        "appears under its name only when it is complete. Several files, folders and globs go into the folder OUT, "
        "which is made if it is not there; so does one file if OUT ends with / or is a folder.",
        examples=(
            "streamdcm copy --set PatientName=Doe^Jane in.dcm out.dcm",
            "streamdcm copy -r --delete PatientBirthDate --skip-non-dicom archive/ clean/",
            "streamdcm copy --transfer-syntax JPEGLSLossless 'archive/*/*.dcm' s3://bucket/small/",
            "streamdcm copy --set 'RequestAttributesSequence[0].ScheduledProcedureStepID=7' in.dcm - | less",
        ),
    )
    command.add_argument(
        "sources",
        metavar="IN",
        nargs="+",
        help="a file, or - for standard input; a glob; a folder, with -r; @FILE, which has one of these in each line",
    )
    command.add_argument("target", metavar="OUT", help="a file, or - for standard output; a folder for several files")
    command.add_argument("-r", "--recursive", action="store_true", help="copy folders with all files below them")
    names = command.add_mutually_exclusive_group()
    names.add_argument("--tree", action="store_true", help="keep the folders below IN; so it is unless told otherwise")
    names.add_argument("--flatten", action="store_true", help="put all files into OUT itself")
    command.add_argument("--dry-run", action="store_true", help="print what would be copied where, and copy nothing")
    add_skip_non_dicom(command)
    add_on_error(command)
    add_workers(command, 1)
    command.add_argument("--json", action="store_true", help="print a line of JSON for each file on standard output")
    add_edits(command)
    add_edit_function(command)
    add_coding(command)
    command.add_argument(
        "--split",
        type=_split,
        metavar="SIZE",
        help="divide the frames over several instances, OUT with their numbers: so many frames each, or a size of "
        "files such as '2 GiB'",
    )
    command.add_argument(
        "--codec-workers", type=count, metavar="NUMBER", help="how many frames are decoded and encoded at a time"
    )
    command.add_argument(
        "--enforce-file-format", action="store_true", help="complete the preamble and File Meta Information"
    )
    command.add_argument("--sequence-lengths", choices=("preserve", "defined", "undefined"), default="preserve")
    command.add_argument("--group-lengths", choices=("omit", "write"), default="omit")
    command.add_argument("--no-overwrite", dest="overwrite", action="store_false", help="fail if OUT exists")
    command.add_argument("--durable", action="store_true", help="wait until OUT is on the disk")
    command.add_argument("--force", action="store_true", help="read IN even without the DICM prefix")
    command.set_defaults(run=run, refuse=command.error)


def _is_one_file(given: argparse.Namespace) -> bool:
    """Tell whether one file is written to one target, as named."""
    (source, *others), target = given.sources, given.target
    is_several = bool(others) or is_list(source) or os.path.isdir(source) or is_glob(source)
    return not is_several and (target == "-" or not _is_folder(target))


def _is_folder(target: str) -> bool:
    return target.endswith(tuple(filter(None, (os.sep, os.altsep, "/")))) or os.path.isdir(target)


def _split(text: str) -> int | str:
    """Return a number of frames, or a size.

    Raises
    ------
    ArgumentTypeError
        If it is neither.
    """
    given = int(text) if text.isdecimal() else text
    try:
        checks.split("SIZE", given)
    except PlanError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return given


def run(given: argparse.Namespace) -> None:
    """Copy as the arguments say."""
    if given.edits and given.edit:
        given.refuse("--edit excludes --set and --delete; set values in the function")
    _check_arguments(given)
    if _is_one_file(given):
        _copy_named(given)
        return
    if given.split is not None:
        given.refuse("--split is for one file; divide the files one by one")
    if "-" in (*given.sources, given.target):
        given.refuse("- is for one file; copy the files one by one")
    from streamdcm.cli.copy_many import copy_many

    options: dict[str, Any] = {**_options(given), "edit": _named_edit(given)}
    copy_many(given, {**options, "transfer_syntax": given.transfer_syntax})


def _check_arguments(given: argparse.Namespace) -> None:
    """End with status 2 if arguments cannot be right, whatever is in the files."""
    if given.split is not None and (given.transfer_syntax or given.codec_options or given.codec_workers):
        given.refuse("--split copies frames as they are; change the transfer syntax before, or leave it out")
    if given.split is not None and "-" in (*given.sources, given.target):
        given.refuse("--split reads one file and writes several; give paths in place of -")
    try:
        options = check_options({**_options(given)}, "rewrite")
        refuse_coding_in_vain(options, given.transfer_syntax, edits_by_function=given.edit is not None)
        if given.edit is not None:
            from streamdcm.batch.edit_names import named_edit

            named_edit(given.edit)
    except PlanError as error:
        given.refuse(as_options(str(error), given))


def _options(given: argparse.Namespace) -> RewriteOptions:
    """Return the options of `rewrite` that were given, in so far as they differ from its own defaults."""
    chosen: RewriteOptions = {
        "enforce_file_format": given.enforce_file_format,
        "sequence_lengths": given.sequence_lengths,
        "group_lengths": given.group_lengths,
        "durable": given.durable,
        "codec_workers": given.codec_workers,
        "codec_options": dict(given.codec_options or ()),
    }
    return chosen


def _named_edit(given: argparse.Namespace) -> Any:
    return dict(given.edits) if given.edits else given.edit


def _copy_named(given: argparse.Namespace) -> None:
    """Copy one file; say of a failure what is said of one of several."""
    said = {"source": printable(given.sources[0]), "target": printable(given.target)}
    try:
        _copy_one(given)
    except (StreamdcmError, OSError) as error:
        is_skipped = given.skip_non_dicom and isinstance(error, NotDicomError)
        if given.json and given.target != "-":
            status = {"status": "skipped"} if is_skipped else {"status": "failed", "error": told(error)}
            print(json.dumps({**said, **status}))
        if not is_skipped:
            raise


def _copy_one(given: argparse.Namespace) -> None:
    (given.source,) = given.sources
    options: RewriteOptions = {**_options(given), "overwrite": given.overwrite}
    start = time.perf_counter()
    if given.force and given.source != "-" and scheme_of(given.source) is None:
        refuse_implausible(given.source)
    if given.dry_run:
        print(f"{printable(given.source)} -> {printable(given.target)}")
        return
    edit = _edit_of(given)
    source = sys.stdin.buffer if given.source == "-" else given.source
    with shown(quiet=given.quiet, label="copying") as show:
        options["progress"] = show
        target = sys.stdout.buffer if given.target == "-" else given.target
        syntax = given.transfer_syntax
        if given.split is None:
            result = rewrite(source, target, edit=edit, transfer_syntax=syntax, force=given.force, **options)
        else:
            result = _divided(given, edit, show)
        if given.target == "-":
            sys.stdout.buffer.flush()
    where = "standard output" if given.target == "-" else result.location or f"{len(result.instances):,} instances"
    if given.json and given.target != "-":
        said = {"source": given.source, "target": given.target, "status": "copied", "bytes": result.bytes_written}
        print(json.dumps(said))
    elif not given.quiet:
        seconds = time.perf_counter() - start
        print(
            f"{printable(given.source)} -> {where}: {result.bytes_written:,} bytes in {seconds:.3f} s", file=sys.stderr
        )


def _edit_of(given: argparse.Namespace) -> Edit | None:
    if given.edit is None:
        return dict(given.edits) if given.edits else None
    from streamdcm.batch.edit_names import imported_edit

    return imported_edit(given.edit)


def _divided(given: argparse.Namespace, edit: Edit | None, show: ProgressCallback) -> WriteResult:
    """Divide a file as the arguments say."""
    return divide(
        given.source,
        given.target,
        edit=edit,
        force=given.force,
        split=given.split,
        enforce_file_format=given.enforce_file_format,
        sequence_lengths=given.sequence_lengths,
        group_lengths=given.group_lengths,
        overwrite=given.overwrite,
        durable=given.durable,
        progress=show,
    )
