"""The published contract, on uploads."""

import pytest

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.sinks import resolve
from streamdcm.testing import TransactionContract
from tests.sinks.storage.conftest import Bucket
from tests.support.uploads import MIB

pytestmark = pytest.mark.slow


class TestS3(TransactionContract):
    @pytest.fixture(autouse=True)
    def _bucket(self, bucket: Bucket):
        self.bucket = bucket

    def make_target(self):
        return "1.dcm"

    def make_output(self, target):
        return resolve(self.bucket.url(target), storage=StorageSettings(client=self.bucket.client, part_size=5 * MIB))

    def visible(self, target):
        return self.bucket.read(target) if target in self.bucket.names() else None

    def leftovers(self, target):
        return self.bucket.pending()
