"""``python -m tests.faults.migrating BUFFER``: opens a buffer for writing, and so brings it to the newest schema."""

import sys
from pathlib import Path

from gateway.store.database import open_writer

if __name__ == "__main__":
    open_writer(Path(sys.argv[1])).close()
