"""Warnings are kept back where something is encoded only to be measured, in that thread alone."""

import io
import threading
import warnings
from collections.abc import Iterator

import pytest
from pydicom import DataElement, Dataset, Sequence
from pydicom.uid import ImplicitVRLittleEndian

import streamdcm
from streamdcm.errors.telling import silenced, warn
from tests.support.images import template

FRAME_GROUPS = 0x52009230


class Slow(Sequence):
    """Items that let another thread do something while they are measured."""

    def __init__(self, reached: threading.Event, go_on: threading.Event) -> None:
        super().__init__([])
        self.is_undefined_length = False
        self._reached, self._go_on = reached, go_on
        self.waits = False

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Dataset]:
        if self.waits:
            self._reached.set()
            assert self._go_on.wait(10)
        item = Dataset()
        item.StationName = "X"
        return iter([item])


def test_a_measured_write_leaves_nothing_in_the_filters_of_another_thread() -> None:
    """Another thread keeps the filters that it found while a dataset was measured."""
    before = list(warnings.filters)
    reached, go_on, entered = threading.Event(), threading.Event(), threading.Event()
    dataset = template(ImplicitVRLittleEndian)
    items = Slow(reached, go_on)
    dataset[FRAME_GROUPS] = DataElement(FRAME_GROUPS, "SQ", items, already_converted=True)
    dataset.PixelData = bytes(64 * 48 * 2)
    items.waits = True
    seen: list[list[object]] = []

    def measure() -> None:
        streamdcm.dcmwrite(io.BytesIO(), dataset, progress=lambda event: None)

    def other() -> None:
        assert reached.wait(10)
        with warnings.catch_warnings():
            seen.append(list(warnings.filters))
            entered.set()
            threads[0].join(10)

    threads = [threading.Thread(target=measure), threading.Thread(target=other)]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    try:
        assert seen == [before]
        assert list(warnings.filters) == before
    finally:
        warnings.filters[:] = before  # type: ignore[index]


def test_only_the_thread_that_is_silenced_does_not_warn() -> None:
    caught: list[str] = []

    def other() -> None:
        try:
            warn("heard")
        except UserWarning as warning:
            caught.append(str(warning))

    with silenced():
        warn("not heard")
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert caught == ["heard"]
    with pytest.warns(UserWarning, match="heard again"):
        warn("heard again")
