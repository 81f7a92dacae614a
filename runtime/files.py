"""Files that are nobody else's on this machine, whatever the umask of who started us."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

OTHERS = 0o007


def make_private(path: Path) -> None:
    """See to it that ``path`` is there, empty when it was not, and that other users may not read it: what SQLite makes by itself
    the umask opens to all, and its logs take the mode of their database. Raises OSError when it cannot be made.

    An existing file is not opened: to close it would let go of the locks that SQLite holds on it in this process (POSIX)."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        with suppress(
            OSError
        ):  # somebody else's, or on a disk that takes no change: whoever writes to it says so
            mode = path.stat().st_mode & 0o777
            if mode & OTHERS:
                path.chmod(mode & ~OTHERS)
