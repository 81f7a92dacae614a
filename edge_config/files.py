"""Opening what a site file names: text in UTF-8, and secrets that we, and nobody else, must be able to read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from edge_config.draft import Draft
from edge_config.problems import DocPath, Finding, Problem, SiteProblems

BYTES_MAX = 4 * 1024 * 1024
SECRET_BYTES_MAX = 64 * 1024


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte-order mark. Raises SiteProblems that name the cure."""
    raw = _read(path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        wrong = f"the byte 0x{raw[error.start]:02X} is not UTF-8"
        right = "save the file as UTF-8 (a GBK file: iconv -f GBK -t UTF-8)"
        raise SiteProblems([Problem(str(path), line, column, "", wrong, right)]) from error


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise SiteProblems(
                [_cannot(path, "is a folder", f"name the file in it, such as {path / 'site.yaml'}")]
            )
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise SiteProblems(
            [_cannot(path, "there is no such file", "check the name and the folder")]
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SiteProblems(
            [_cannot(path, f"cannot be read ({reason})", f"check it with `ls -l {path}`")]
        ) from error
    if len(raw) > BYTES_MAX:
        raise SiteProblems([_cannot(path, "is larger than 4 MiB", "name the right file")])
    return raw


def _cannot(path: Path, wrong: str, right: str) -> Problem:
    return Problem(str(path), 1, 1, "", wrong, right)


def secrets(draft: Draft, folder: Path) -> Iterator[Finding]:
    """Password and token files that cannot be read, are empty, or that everybody may read (a warning)."""
    for index, broker in draft.brokers.items():
        if broker.password_file is not None:
            yield from _secret(("brokers", index, "password_file"), folder / broker.password_file)
        for key in ("ca_file", "cert_file"):
            if (name := getattr(broker, key)) is not None:
                yield from _readable(("brokers", index, key), folder / name)
        if broker.key_file is not None:
            yield from _secret(("brokers", index, "key_file"), folder / broker.key_file)
    for index, uplink in draft.uplinks.items():
        for key in uplink.secret_keys if uplink.enabled else ():
            if (name := getattr(uplink, key)) is not None:
                yield from _secret(("uplinks", index, key), folder / name)
        for key in uplink.file_keys if uplink.enabled else ():
            if (name := getattr(uplink, key)) is not None:
                yield from _readable(("uplinks", index, key), folder / name)
        for key in uplink.folder_keys if uplink.enabled else ():
            yield from _folder(("uplinks", index, key), folder / getattr(uplink, key))


def _folder(path: DocPath, folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        right = f"create it (`mkdir -p {folder}`) or mount it; nothing is written beside it in the meantime"
        yield Finding(path, f"{folder} is no folder now", right, is_warning=True)


def _readable(path: DocPath, file: Path) -> Iterator[Finding]:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        wrong = f"{file} cannot be read ({error.strerror or type(error).__name__})"
        yield Finding(path, wrong, "put the certificate there, in PEM, for the gateway's user to read")


def _secret(path: DocPath, file: Path) -> Iterator[Finding]:
    try:
        with file.open("rb") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            is_empty = not handle.read(SECRET_BYTES_MAX).strip()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        right = f"create it (`install -m 600 /dev/null {file}`) with the secret on one line"
        if isinstance(error, PermissionError):
            right = f"let the gateway's user read it: `chown` it to that user and `chmod 600 {file}`"
        yield Finding(path, f"{file} cannot be read ({reason})", right)
        return
    if is_empty:
        yield Finding(path, f"{file} is empty", "write the secret into it, on one line")
    if mode & stat.S_IROTH:
        yield Finding(
            path, f"{file} can be read by every user of this machine", f"`chmod 600 {file}`", is_warning=True
        )
