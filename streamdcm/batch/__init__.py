"""Do one thing to many instances: on processes of this machine or on a cluster, and go on where it stopped."""

from streamdcm.batch.journal_reading import Failure, Warned
from streamdcm.batch.plan import Batch
from streamdcm.batch.run import BatchProgress, BatchReport, status
from streamdcm.errors import JournalError, TargetCollision, WorkerDied

__all__ = [
    "Batch",
    "BatchProgress",
    "BatchReport",
    "Failure",
    "JournalError",
    "TargetCollision",
    "Warned",
    "WorkerDied",
    "status",
]
