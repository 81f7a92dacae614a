"""A certificate authority made for one test by the system's openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """``file`` is its certificate; everything lies in one folder."""

    folder: Path
    name: str = "ca"

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.crt"

    def made(self) -> Authority:
        self._run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", f"/CN={self.name}", "-keyout", f"{self.folder}/{self.name}.key", "-out", str(self.file),
        )  # fmt: skip
        return self

    def issue(self, name: str, host: str = "IP:127.0.0.1", *, is_expired: bool = False) -> tuple[Path, Path]:
        """Certificate and key for ``host``, a subject alternative name; an expired one ended in 2021."""
        key, request, cert = (self.folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
        self._run(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", str(key), "-out", str(request),
        )  # fmt: skip
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={host}\n", encoding="ascii")
        if is_expired:
            self._issue_expired(request, cert, extensions)
        else:
            self._run(
                "x509", "-req", "-in", str(request), "-CA", str(self.file), "-CAkey", f"{self.folder}/{self.name}.key",
                "-set_serial", str(sum(name.encode())), "-days", "30", "-extfile", str(extensions), "-out", str(cert),
            )  # fmt: skip
        return cert, key

    def _issue_expired(self, request: Path, cert: Path, extensions: Path) -> None:
        (self.folder / "index.txt").write_text("", encoding="ascii")
        (self.folder / "ca.conf").write_text(
            f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.folder}/index.txt\nnew_certs_dir={self.folder}\n"
            "default_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n",
            encoding="ascii",
        )
        self._run(
            "ca", "-batch", "-config", f"{self.folder}/ca.conf", "-cert", str(self.file), "-keyfile",
            f"{self.folder}/{self.name}.key", "-in", str(request), "-out", str(cert), "-extfile", str(extensions),
            "-startdate", "20200101000000Z", "-enddate", "20210101000000Z", "-notext",
        )  # fmt: skip

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
