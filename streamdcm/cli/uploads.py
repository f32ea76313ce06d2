"""``streamdcm uploads``: find and remove uploads to S3 that were begun and never completed."""

import argparse
from typing import TYPE_CHECKING

from streamdcm.sinks.storage.parts_upload import PendingUpload
from streamdcm.sinks.storage.urls import pending_uploads

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]


def add_command(commands: "Commands", summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "uploads",
        help=summary,
        description="List or abort uploads to S3 that were begun and neither completed nor aborted, as after a power "
        "failure. They are not visible as objects, but are stored and paid for. An upload that is just under way is "
        "among them.",
        examples=("streamdcm uploads --list s3://bucket/in/", "streamdcm uploads --abort s3://bucket/in/"),
    )
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", dest="abort", action="store_false", help="list them, the oldest first")
    what.add_argument("--abort", action="store_true", help="abort them, and remove what was uploaded")
    command.add_argument("prefix", metavar="URL", help="s3://BUCKET, or s3://BUCKET/PREFIX of the keys")
    command.add_argument("--id", help="only the upload with this id")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """List or abort as the arguments say."""
    with pending_uploads(given.prefix) as uploads:
        for upload in uploads:
            if given.id in (None, upload.upload_id):
                _abort_or_list(upload, given.abort)


def _abort_or_list(upload: PendingUpload, abort: bool) -> None:
    if abort:
        upload.abort()
    print(f"{upload.begun:%Y-%m-%d %H:%M}  {upload.location}  {upload.upload_id}{'  aborted' if abort else ''}")
