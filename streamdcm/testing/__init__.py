"""Contract tests for sinks: inherit them to show that a sink of your own works with streamdcm.

A sink that passes `SinkContract` can be given to every function of streamdcm that writes; it gets the
same bytes as a file does. With pytest, a test class that says how to make a sink and how to read what
arrived is all that it takes::

    from streamdcm.testing import SinkContract

    class TestMySink(SinkContract):
        def make_sink(self):
            return MySink()

        def written(self, sink):
            return sink.content()

Where a sink needs a fixture, an autouse fixture of the class can keep it on ``self``::

        @pytest.fixture(autouse=True)
        def _directory(self, tmp_path):
            self.directory = tmp_path

The tests use the public path and nothing else: `streamdcm.sinks.resolve`, then the release policy that
suits what was found out about the sink. Nothing in here needs pytest; any runner that calls methods whose
names begin with ``test_``, on a fresh instance each, will do.
"""

from streamdcm.testing.sink import SinkContract
from streamdcm.testing.transaction import TransactionContract

__all__ = ["SinkContract", "TransactionContract"]
