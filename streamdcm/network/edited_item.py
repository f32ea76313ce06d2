"""Files that are sent edited, or in another transfer syntax, as they stream."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from streamdcm.encode.discreet import value_of
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.files.access import accessed
from streamdcm.files.plan_rewrite import Request, edited_file, plan_of
from streamdcm.files.remote import opened_input
from streamdcm.files.scanned import scan_file
from streamdcm.network.items import Body, Item, checked_uid
from streamdcm.options import Options, check_options
from streamdcm.plan.capabilities import Capabilities, Framing
from streamdcm.plan.execution import Plan
from streamdcm.write.chunks import Chunks
from streamdcm.write.coded_frames import encoded


class EditedItem(Item):
    """A file, or an object behind a URL, that is edited once and encoded for each attempt; open until it is closed.

    Parameters
    ----------
    source : path or URL
        The file.
    request : Request
        What is wanted of it.
    options : mapping
        Options of `rewrite_chunks`.
    storage : StorageSettings
        How to reach the service of a URL.
    framing : {"file", "dataset"}
        What is sent of it.

    Raises
    ------
    InvalidDicomError, PlanError, EncodeError, OSError
        See `rewrite`.
    """

    def __init__(
        self, source: str, request: Request, options: Mapping[str, Any], storage: StorageSettings, framing: Framing
    ) -> None:
        self._request: Final = request
        self._given: Final = dict(options)
        with ExitStack() as files:
            access = files.enter_context(accessed(files.enter_context(opened_input(source, storage))))
            hold_limit = self._options(framing).hold_limit
            self._edited = edited_file(scan_file(access, force=request.force, hold_limit=hold_limit), request)
            plan = self._plan(request.transfer_syntax, framing)
            name = access.name
            self.sop_class_uid = checked_uid(_uid(plan, "SOPClassUID"), f"{name}: the SOP Class UID (0008,0016)")
            self.sop_instance_uid = checked_uid(
                _uid(plan, "SOPInstanceUID"), f"{name}: the SOP Instance UID (0008,0018)"
            )
            self.study_instance_uid = _uid(plan, "StudyInstanceUID")
            self.transfer_syntax = str(plan.dataset.file_meta.TransferSyntaxUID)
            self._planned: dict[tuple[str, Framing], Plan] = {(self.transfer_syntax, framing): plan}
            self._files = files.pop_all()

    def open(self, syntax: str, framing: Framing) -> Body:
        """Begin to encode it."""
        plan = self._planned.pop((syntax, framing), None) or self._plan(syntax, framing)
        return Body(Chunks(encoded(plan), self._options(framing), None))

    def size(self, syntax: str, framing: Framing) -> int | None:
        """Return how many bytes it has; `None` where only encoding tells."""
        plan = self._planned[syntax, framing] = self._planned.get((syntax, framing)) or self._plan(syntax, framing)
        return plan.size()

    def close(self) -> None:
        """Close the file."""
        self._files.close()

    def _plan(self, syntax: str | None, framing: Framing) -> Plan:
        capabilities = Capabilities(patchable=False, framing=framing)
        return plan_of(
            self._edited, replace(self._request, transfer_syntax=syntax), self._options(framing), capabilities
        )

    def _options(self, framing: Framing) -> Options:
        return check_options({**self._given, "enforce_file_format": framing == "file"}, "rewrite_chunks")


def _uid(plan: Plan, keyword: str) -> str | None:
    uid = value_of(plan.dataset, keyword)
    return None if uid is None else str(uid)
