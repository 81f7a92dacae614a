"""Plants each bug of the catalogue in a copy of the tree, and asks its tests whether they notice.

``python -m tests.mutants [NAME …]``. Ends with 1 and the names of those that nobody noticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import ROOT, Mutant

WORKERS = 2
TIMEOUT_S = 600
FAILED = 1
"""pytest's exit code when tests ran and some failed; any other than 0 says that they could not run."""

LEFT_OUT = shutil.ignore_patterns(
    ".git",
    ".venv",
    "node_modules",
    "build",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".pytest_cache",
    "var",
)


def main(names: list[str]) -> int:
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        print(f"there is no mutant {', '.join(sorted(unknown))}")
        return 2
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    with ThreadPoolExecutor(WORKERS) as pool:
        verdicts = list(pool.map(_try, chosen))
    survivors = [mutant.name for mutant, verdict in zip(chosen, verdicts, strict=True) if verdict != "caught"]
    print(
        f"{len(chosen) - len(survivors)} of {len(chosen)} caught"
        + (f"; not caught: {', '.join(survivors)}" if survivors else "")
    )
    return 1 if survivors else 0


def _try(mutant: Mutant) -> str:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT, symlinks=True)
        file = tree / mutant.path
        file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
        verdict = _asked(mutant, tree)
    print(f"{verdict:12} {mutant.name}  ({time.monotonic() - begun:.0f} s)", flush=True)
    return verdict


def _asked(mutant: Mutant, tree: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "--no-cov",
        *mutant.tests,
    ]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "caught"  # what hangs is noticed
    if run.returncode == FAILED:
        return "caught"
    if run.returncode == 0:
        return "SURVIVED"
    print(run.stdout[-2000:] + run.stderr[-2000:], file=sys.stderr)
    return "BROKEN"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
