"""Edits that the tests of batches give to workers, which import them from here."""

import os
import signal
import time
from pathlib import Path

from pydicom import Dataset


def log(dataset: Dataset) -> None:
    """Add a line for the instance to the file that BATCH_LOG names, in one write."""
    line = f"{dataset.InstanceNumber}\n".encode()
    descriptor = os.open(os.environ["BATCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def rename(dataset: Dataset) -> None:
    log(dataset)
    dataset.PatientName = "Renamed"


def difficult(dataset: Dataset) -> None:
    """Rename; but raise at instance 7, die always at 11, and once at 13."""
    log(dataset)
    number = int(dataset.InstanceNumber)
    if number == 7:
        raise LookupError("seven is not wanted")
    if number == 11:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 13:
        mark = Path(os.environ["BATCH_LOG"] + ".died")
        if not mark.exists():
            mark.touch()
            os._exit(3)
    dataset.PatientName = "Renamed"


def once(dataset: Dataset) -> None:
    """Die when an instance is edited that was edited before."""
    log(dataset)
    lines = Path(os.environ["BATCH_LOG"]).read_text().splitlines()
    if lines.count(str(dataset.InstanceNumber)) > 1:
        os.kill(os.getpid(), signal.SIGKILL)


def speak(dataset: Dataset) -> None:
    """Print something, which must not be taken for a message."""
    print("hello from an edit", flush=True)
    dataset.PatientName = "Spoken"


def slow(dataset: Dataset) -> None:
    """Take so long that a peer can have hung up."""
    time.sleep(0.5)
    dataset.PatientName = "Slow"
