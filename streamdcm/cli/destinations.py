"""Servers that commands send to: what is said of them beside their URL."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Final

from streamdcm.errors import PlanError
from streamdcm.network.destination import ONLY_FOR, Destination

CREDENTIALS: Final = ("calling", "token_file", "cacert", "cert", "key")
"""The arguments that `add_credentials` adds."""


def add_credentials(command: argparse.ArgumentParser) -> None:
    """Add what says who we are, and whom we trust, to the arguments of a command."""
    command.add_argument("--calling", metavar="AE", help="our AE title, for dicom://")
    command.add_argument("--token-file", metavar="F", help="a file with a bearer token, read anew for each request")
    command.add_argument("--cacert", metavar="F", help="the certificates to trust, in place of the system's")
    command.add_argument("--cert", metavar="F", help="our certificate")
    command.add_argument("--key", metavar="F", help="its private key")


def destination_of(url: str, given: argparse.Namespace, others: Iterable[str] = ()) -> Destination:
    """Return the server that arguments name; end with status 2 if they do not fit each other.

    Parameters
    ----------
    url : str
        Its URL.
    given : Namespace
        The arguments; `refuse` is called with what is wrong.
    others : iterable of str
        More of them that are for some schemes only.
    """
    found = Destination(url, **{name: getattr(given, name) for name in CREDENTIALS})
    for name in others:
        if getattr(given, name) is not None and found.scheme not in ONLY_FOR[name]:
            schemes = " and ".join(f"{each}://" for each in ONLY_FOR[name])
            given.refuse(f"{name.replace('_', '-')} is for {schemes} only; leave it out")
    try:
        found.check(study=getattr(given, "study", None))
    except PlanError as error:
        given.refuse(str(error))
    return found
