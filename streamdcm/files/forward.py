"""A file that only goes forwards, written anew while it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydicom.dataelem import DataElement

from streamdcm.encode._pydicom import Element, elements_of, stored_value, view_of
from streamdcm.encode.body import sorted_body
from streamdcm.encode.bulk import WORDS, swapped
from streamdcm.encode.deflate import deflate
from streamdcm.encode.header import element_header, vr_code
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import DIGITAL_SIGNATURES, PIXEL_DATA, PIXEL_TAGS, TRAILING_PADDING
from streamdcm.errors import EncapsulationError, PlanError, SourceError
from streamdcm.errors.translation import element_name
from streamdcm.files.dataset import dataset_of, padding
from streamdcm.files.deferred import Passing, coded_of_passing
from streamdcm.files.edit_paths import ItemEdits, edits_by_tag
from streamdcm.files.forward_source import ForwardSource
from streamdcm.files.notices import warn_of_missing_pixels
from streamdcm.files.plan_rewrite import Request, planned, refuse_for_passing
from streamdcm.files.scan import Scanner
from streamdcm.files.scan_head import encoding_of_dataset, scan_head
from streamdcm.files.scan_words import BLOCK, Large, Run, Where
from streamdcm.files.scanned import Part, Scanned
from streamdcm.files.splice import are_passed, encoder_of, in_order, large_header, spliced, splicer_of
from streamdcm.files.splicer import Splicer
from streamdcm.files.tape import Tape, inflated_pieces, pieces_of
from streamdcm.instructions import Copy, Encoder
from streamdcm.options import Options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.execution import Plan
from streamdcm.plan.syntaxes import syntax_named
from streamdcm.sources import StreamSource
from streamdcm.write.coded_frames import encoded

_DROPPED: Final = frozenset({DIGITAL_SIGNATURES, TRAILING_PADDING})
"""What stands behind pixel data and no function has to see: signatures, which would not hold, and padding."""


class Incoming(NamedTuple):
    """A source that only goes forwards.

    Attributes
    ----------
    stream : StreamSource
        What its pieces are asked of.
    name : str
        What errors call it.
    size : int or None
        The number of its bytes, if it says that.
    """

    stream: StreamSource
    name: str
    size: int | None = None


def rewritten_forward(
    source: Incoming, request: Request, options: Options, capabilities: Capabilities
) -> Encoder[None]:
    """Encode a file anew while it comes; see `rewrite`.

    What comes before the pixel data is held, and so are other values of 64 KiB and more where they cannot be passed on
    as they stand.

    Parameters
    ----------
    source : Incoming
        The file.
    request : Request
        What the caller wants of it.
    options : Options
        What the caller asked for.
    capabilities : Capabilities
        What the target can do.

    Raises
    ------
    NotDicomError, SourceError, PlanError, EncodeError
        See `rewrite`.
    """
    if options.group_lengths == "write":
        raise PlanError(
            "group_lengths='write' needs lengths that are not known while a file comes; give a source that can seek, "
            "or leave it out"
        )
    outer = Tape(pieces_of(source.stream, source.name), Where(source.name, source.size))
    head = yield from outer.answer(scan_head(Where(source.name, source.size), force=request.force))
    tape, where, at = outer, Where(source.name, source.size), head.at
    if head.deflated:
        yield from outer.drop(head.at)
        tape, where, at = Tape(inflated_pieces(outer, source.name), Where(source.name)), Where(source.name), 0
    first = yield from tape.read(at, BLOCK)
    encoding = encoding_of_dataset(head.syntax, first[:8])
    scanner = Scanner(where, encoding, at, first, at, skips=False)
    incoming = ForwardSource(tape, where, head, encoding, scanner, options.hold_limit)
    yield from _Forward(incoming, options).rewritten(request, capabilities)
    yield from outer.finish()


class _Forward:
    """One file on its way.

    Parameters
    ----------
    source : ForwardSource
        What scans it.
    options : Options
        What the caller asked for.
    """

    def __init__(self, source: ForwardSource, options: Options) -> None:
        self._source = source
        self._options = options

    def rewritten(self, request: Request, capabilities: Capabilities) -> Encoder[None]:
        """Encode the file as a caller wants it."""
        asked = None if request.transfer_syntax is None else syntax_named(request.transfer_syntax)
        parts: list[Part] = []
        large = yield from self._source.next_large(parts)
        splicer = None
        if large is not None:
            splicer = splicer_of(self._source.scanned([*parts, large]), self._options, request.edit, asked)
        if splicer is not None and large is not None:
            # whether frames follow a large value with a lower tag shows when bytes have gone out
            refuse_for_passing(self._options, request, has_frames=large.tag <= PIXEL_DATA)
            yield splicer.head
            body = self._passed_on(splicer, parts, large)
            yield from self._deflated(body) if self._source.head.deflated else body
            return
        while large is not None and large.tag not in PIXEL_TAGS:
            parts.append((yield from self._source.hold(large)))
            large = yield from self._source.next_large(parts)
        yield from self._planned(parts, large, request, capabilities)

    # --- As it stands --------------------------------------------------------------------------------

    def _passed_on(self, splicer: Splicer, parts: list[Part], large: Large | None) -> Encoder[None]:
        """Encode the dataset as it stands, but for what an edit names."""
        splicer.encode_known()
        done = 0
        while True:
            done = yield from self._run(splicer, parts, done)
            if large is None:
                break
            self._check_order(large.tag, done)
            if isinstance(splicer.edits.get(large.tag), ItemEdits):
                parts = [(yield from self._source.hold(large))]
                large = yield from self._source.next_large(parts)
                splicer.note([*parts] if large is None else [*parts, large])
                continue
            yield from encoder_of(splicer.before(large.tag + 1))
            if large.tag in splicer.edits:
                yield from self._source.skip(large)
            else:
                length = None if large.undefined else large.length
                yield large_header(large, length, splicer.packing)
                yield from self._source.value(large)
                if large.undefined:
                    yield splicer.packing.sequence_end
                elif large.length and large.length & 1:
                    yield padding(large.tag, large.vr)
            done = large.tag
            parts = []
            large = yield from self._source.next_large(parts)
            splicer.note([*parts] if large is None else [*parts, large])
        yield from encoder_of(splicer.before(1 << 32))
        warn_of_missing_pixels(splicer.found, self._source.where.name)

    def _run(self, splicer: Splicer, parts: list[Part], done: int) -> Encoder[int]:
        """Encode what is held, which is then no longer, and return the highest tag."""
        if not parts:
            return done
        if not are_passed(parts, implicit_vr=self._source.encoding.implicit_vr):
            raise self._source.where.error(
                "stands behind a large value, and has to be parsed to be written; give a source that can seek",
                parts[0].base if isinstance(parts[0], Run) else parts[0].start,
            )
        scanned = self._source.scanned(parts)
        for part in parts if scanned.is_sorted else in_order(parts):
            assert isinstance(part, Run)
            self._check_order(part.rows[0][0], done)
            done = part.rows[-1][0]
            yield from encoder_of(splicer.run(part))
        self._source.release()
        return done

    def _check_order(self, tag: int, done: int) -> None:
        if tag <= done:
            raise SourceError(
                f"stands behind {element_name(done)} in {self._source.where.name}, which has a higher tag and "
                "was written already (PS3.5 §7.1); give a source that can seek, such as streamdcm.spooled_source()",
                element_name(tag),
            )

    # --- As a dataset --------------------------------------------------------------------------------

    def _planned(
        self, parts: list[Part], large: Large | None, request: Request, capabilities: Capabilities
    ) -> Encoder[None]:
        """Encode what is edited by a function, or laid out in another way."""
        scanned = self._source.scanned(parts if large is None else [*parts, large])
        if large is None:
            yield from self._whole(scanned, request, capabilities)
            return
        plan = planned(scanned, request, self._options, capabilities)
        if plan.pixels is not None:
            raise coded_of_passing(self._source.where.name)
        yield from plan.head()
        yield from plan.compressed(self._body(plan, large, request))

    def _whole(self, scanned: Scanned, request: Request, capabilities: Capabilities) -> Encoder[None]:
        """Encode a file that is all at hand, as one that can seek is encoded."""
        asked = None if request.transfer_syntax is None else syntax_named(request.transfer_syntax)
        passed_on = spliced(scanned, self._options, request.edit, asked)
        if passed_on is not None:
            refuse_for_passing(self._options, request, has_frames=scanned.has_frames)
            yield from passed_on.encoder
            return
        plan = planned(scanned, request, self._options, capabilities)
        yield from encoded(plan)

    def _body(self, plan: Plan, large: Large, request: Request) -> Encoder[None]:
        scope = Scope(plan.dataset, plan.layout)
        elements = dict(plan.elements)
        pixels = elements.pop(large.tag, None)
        before = [(tag, element) for tag, element in plan.elements if tag < large.tag]
        yield from sorted_body(before, scope, plan.encapsulated, plan.patchable)
        if isinstance(pixels, DataElement) and _is_passing(pixels):
            yield from self._pixels(pixels, large, plan, scope)
        else:
            if pixels is not None:
                yield from sorted_body([(large.tag, pixels)], scope, plan.encapsulated, plan.patchable)
            yield from self._source.skip(large)
        behind = yield from self._behind(large.tag, request)
        edits = _edited_tags(request)
        view = view_of(plan.dataset)
        kept = {tag: element for tag, element in behind.items() if tag not in edits}
        elements_of(view).update(kept)
        after = kept | {tag: element for tag, element in elements.items() if tag > large.tag}
        yield from sorted_body(sorted(after.items()), Scope(view, plan.layout), plan.encapsulated, plan.patchable)

    def _pixels(self, element: DataElement, large: Large, plan: Plan, scope: Scope) -> Encoder[None]:
        """Encode pixel data while they come."""
        encoding = plan.layout.encoding
        if plan.encapsulated and not large.undefined:
            raise EncapsulationError(
                "the transfer syntax wants encapsulated Pixel Data, and the value is not; choose an uncompressed "
                "transfer syntax",
                element_name(large.tag),
            )
        vr = b"" if encoding.implicit_vr else vr_code(element.VR)
        length = None if large.length is None else large.length + (large.length & 1)
        yield element_header(large.tag, vr, length, scope)
        value: Encoder[Any] = self._source.value(large)
        word = WORDS.get(element.VR, 1)
        if scope.swaps and word > 1 and not large.undefined:
            value = swapped(_counted(value, large.length or 0), word)
        yield from value
        if large.undefined:
            yield encoding.sequence_end
        elif large.length and large.length & 1:
            yield b"\0"

    def _behind(self, pixels: int, request: Request) -> Encoder[dict[int, Element]]:
        """Return what stands behind the pixel data."""
        parts: list[Part] = []
        while (large := (yield from self._source.next_large(parts))) is not None:
            parts.append((yield from self._source.hold(large)))
        behind = elements_of(dataset_of(self._source.scanned(parts)))
        if callable(request.edit) and not isinstance(request.edit, Mapping):
            for tag in [tag for tag in behind if tag in _DROPPED]:
                del behind[tag]
            for tag in behind:
                raise SourceError(
                    "stands behind the pixel data, where a function cannot edit it in a source that only goes "
                    "forwards; give a mapping as edit, or a source that can seek, such as streamdcm.spooled_source()",
                    element_name(int(tag)),
                )
        for tag in behind:
            self._check_order(int(tag), pixels)
        return {int(tag): element for tag, element in behind.items() if tag & 0xFFFF}

    def _deflated(self, body: Encoder[None]) -> Encoder[None]:
        options = self._options
        return deflate(body, chunk_size=options.chunk_size, hold_limit=options.hold_limit, spool=options.spool)


def _is_passing(element: DataElement) -> bool:
    value = stored_value(element)
    return isinstance(value, Copy) and isinstance(value.source, Passing)


def _counted(value: Encoder[None], length: int) -> Encoder[int]:
    yield from value
    return length


def _edited_tags(request: Request) -> set[int]:
    return set(edits_by_tag(request.edit)) if isinstance(request.edit, Mapping) else set()
