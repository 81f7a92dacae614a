"""A message's text to a frame's data and back: encoding, zlib, AES-128-CBC, and the MD5 of a login. Pure.

Writing follows the dialect to the byte. Reading takes what comes, since platforms answer in the clear, zipped or encrypted
as they like: what it is shows by its first characters, and everything after the last ``>`` is padding. STANDARDS 1.1.
"""

from __future__ import annotations

import hashlib
import re
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher as Aes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from edge_config.dialect import Cipher, Dialect, Word
from gateway.uplinks.national.frames import DATA_BYTES_MAX
from gateway.uplinks.national.trouble import NonsenseFromCentreError

BLOCK = 16
FILL = {"zeros": b"\x00", "digits": b"0", "spaces": b" "}
ENCODINGS = {"utf-8", "utf8", "ascii", "us-ascii", "gb2312", "gbk", "gb18030"}
DECLARED = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,20})["']""")
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
WIDE = tuple(text.encode("utf-16-le") for text in ("<?xml", "<root"))


def packed(dialect: Dialect, word: Word, text: str, secret: bytes) -> bytes:
    """What a frame carries for our message ``word``. A character the encoding has not becomes ``&#…;``."""
    data = text.encode(dialect.encoding, "xmlcharrefreplace")
    if word in dialect.zipped:
        data = zlib.compress(data)
    if dialect.cipher is not None and word in dialect.cipher.words:
        data = _encrypted(dialect.cipher, data, secret)
    return data


def unpacked(dialect: Dialect, data: bytes, secret: bytes) -> str:
    """The XML a frame carries, without its declaration. Raises NonsenseFromCentreError."""
    for found in (_decrypted(dialect.cipher, data, secret), data):
        for raw in (found, _inflated(found)):
            if (plain := _start(raw)) is not None:
                return DECLARATION.sub("", _decoded(plain))
    raise NonsenseFromCentreError("a message that is no XML, also not with this secret")


def login(dialect: Dialect, sequence: str, key: str) -> str:
    """The answer to a centre's random sequence, lower-case hex."""
    parts = {"sequence": sequence, "key": key}
    text = "".join(parts[name] for name in dialect.auth.md5)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _encrypted(cipher: Cipher, data: bytes, secret: bytes) -> bytes:
    lacking = -len(data) % BLOCK
    if cipher.pad == "pkcs7":
        lacking = lacking or BLOCK
        data += bytes([lacking]) * lacking
    else:
        data += FILL[cipher.pad] * lacking
    worker = _aes(cipher, secret).encryptor()
    return worker.update(data) + worker.finalize()


def _decrypted(cipher: Cipher | None, data: bytes, secret: bytes) -> bytes:
    if cipher is None or not data or len(data) % BLOCK:
        return b""
    worker = _aes(cipher, secret).decryptor()
    return worker.update(data) + worker.finalize()


def _aes(cipher: Cipher, secret: bytes) -> Aes[CBC]:
    return Aes(AES(secret), CBC(secret if cipher.iv == "key" else bytes(BLOCK)))


def _inflated(data: bytes) -> bytes:
    """Of a zlib stream at most as much as a message may be long; nothing where it is none, or is longer."""
    if len(data) < 2 or data[0] & 0x0F != 8 or int.from_bytes(data[:2], "big") % 31:
        return b""
    worker = zlib.decompressobj()
    try:
        found = worker.decompress(data, DATA_BYTES_MAX)
    except zlib.error:
        return b""
    return found if worker.eof else b""


def _start(raw: bytes) -> bytes | None:
    """``raw`` from its first ``<`` on, where it begins as a message does."""
    bare = raw.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").lstrip(b" \t\r\n")
    return bare if bare.startswith((b"<?xml", b"<root", *WIDE)) else None


def _decoded(raw: bytes) -> str:
    """Text up to its last ``>``, in the encoding it declares, UTF-8 where it declares none."""
    if len(raw) > DATA_BYTES_MAX:
        raise NonsenseFromCentreError(f"a message of {len(raw)} bytes")
    if raw.startswith(WIDE):
        text = raw[: len(raw) // 2 * 2].decode("utf-16-le", "replace")
        text = text[: text.rfind(">") + 1]
        if "�" in text:
            raise NonsenseFromCentreError("a message that is not the UTF-16 it begins as")
        return text
    found = DECLARED.match(raw)
    encoding = found[1].decode("ascii").lower() if found else "utf-8"
    if encoding not in ENCODINGS:
        raise NonsenseFromCentreError(f"a message in the encoding {encoding}")
    try:
        return raw[: raw.rfind(b">") + 1].decode("gb18030" if encoding.startswith("gb") else encoding)
    except UnicodeDecodeError as error:
        raise NonsenseFromCentreError(f"a message that is not the {encoding} it says it is") from error
