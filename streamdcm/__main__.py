"""``python -m streamdcm``: the command line."""

import sys

from streamdcm.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
