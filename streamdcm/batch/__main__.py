"""``python -m streamdcm.batch``: a worker, which a coordinator starts and speaks to through pipes."""

from streamdcm.batch.worker import main

if __name__ == "__main__":
    main()
