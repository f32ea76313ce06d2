"""Workers of batches import edits from the tests."""

import sys

from tests.support import ROOT

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last, so that streamdcm is the one that is installed
