"""What no file of ours does, whoever writes the next one (S9, S11, S15, S17, S19, S20, S26)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from devices.profile import RegisterPoint
from district.serve import Settings
from edge_config.schema import Listen
from gateway.cli.district import district
from tests.house.source import ROOT, Source, imports, sources

SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|PRAGMA|CREATE|ATTACH|DROP|ALTER|VACUUM|COPY)\b ")
CONSTANT = re.compile(r"([a-z_]+\.)?_?[A-Z][A-Z_]*(\.value)?|([a-z_]+\.)?Fault\.[A-Z]+\.value")
MARKS = re.compile(r"'(, ?)'\.join\('\?' \* .+\)")
"""Constants of a module, and as many question marks as there are values."""
OWN_WORDS = {
    "gateway/query/completeness.py": {"is_delivered"},
    "gateway/query/newest.py": {"','.join(map(str, sorted(wanted)))"},
    "gateway/query/pieces.py": {"where"},
    "gateway/store/carry.py": {"marks_of", "table", "names"},
    "gateway/store/high_water.py": {"table"},
    "gateway/store/inspect.py": {"name"},
    "gateway/store/new_rows.py": {
        "'INSERT INTO reading (measured_at, point_id, lag, value, quality, reason, crc) VALUES ' + ', '.join([row] * rows)"
    },
    "gateway/store/proof.py": {"SEALED[table]", "table"},
    "gateway/store/quarantine.py": {"source", "where"},
    "gateway/store/retention.py": {"table", "which"},
    "gateway/store/salvage.py": {
        "', '.join((c if c.strip(QUOTE) in has else 'NULL' for c in columns))",
        "table",
        "columns",
        "name",
    },
    "gateway/store/scrub.py": {"table", "walk.where", "walk.columns", "since", "order"},
    "gateway/store/space.py": {"name"},
    "gateway/store/tally.py": {"column"},
    "gateway/store/uplinks.py": {"table"},
    "gateway/store/wal.py": {"LONG_WAIT_MS if is_long_wait else SHORT_WAIT_MS"},
    "gateway/uplinks/line_delete.py": {
        "_quoted(row.measurement, chr(34))",
        "_quoted(row.site, chr(39))",
        "_quoted(row.point, chr(39))",
        "row.start * NS_PER_MS",
    },
    "district/interval_pages.py": {"where"},
    "district/pages/month_reads.py": {"', '.join(_DESCRIBED)"},
    "district/longer.py": {"marks(starts)", "points", "of_points"},
    "district/reads.py": {"of_one", "', '.join(_DESCRIPTION)"},
    "district/sheets/sheet_reads.py": {"of_one"},
    "district/store/database.py": {"', '.join(self.key)", "changed", "self.name", "same"},
    "district/store/gateways.py": {
        "'SELECT contact_at FROM gateway WHERE site_id = ? AND gateway_id = ?' + connection.for_update"
    },
    "district/store/held_keys.py": {"keys.of_holder", "keys.table"},
    "district/store/points.py": {"'SELECT site_id FROM site WHERE site_id = ?' + connection.for_update"},
    "district/store/postgres.py": {"table.name", "table.named()", "marks", "table.on_conflict()"},
    "district/store/postgres_schema.py": {"name", "low", "high"},
    "district/store/sqlite.py": {"table.name", "table.named()", "marks", "table.on_conflict()"},
    "dashboard/accounts.py": {"'PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;' + SCHEMA"},
}
"""What else stands in statements, by file: which of the module's own tables, columns, conditions or numbers. Look twice before
adding to it: a value of somebody else's belongs behind a question mark."""
ROOMS_WITH_SQL = ("gateway", "district", "dashboard")


def statements(source: Source) -> Iterator[tuple[int, str]]:
    """Line and expression of everything that is put into the text of a statement."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            if SQL.search(text):
                yield from (
                    (node.lineno, ast.unparse(part.value))
                    for part in node.values
                    if isinstance(part, ast.FormattedValue)
                )
        elif (
            isinstance(node, ast.BinOp)
            and isinstance(node.left, ast.Constant)
            and SQL.search(str(node.left.value))
        ):
            yield node.lineno, ast.unparse(node)


def is_ours(path: str, expression: str) -> bool:
    is_built = CONSTANT.fullmatch(expression) or MARKS.fullmatch(expression)
    return bool(is_built) or expression in OWN_WORDS.get(path, ())


def test_s9_no_value_stands_in_the_text_of_a_statement() -> None:
    built = [
        f"{source.path}:{line}: {expression}"
        for source in sources()
        if source.room in ROOMS_WITH_SQL
        for line, expression in statements(source)
        if not is_ours(source.path, expression)
    ]
    assert built == []
    unused = set(OWN_WORDS) - {source.path for source in sources() if list(statements(source))}
    assert unused == set()


@pytest.mark.parametrize(
    "code",
    [
        "f\"SELECT 1 FROM t WHERE a = '{user}'\"",
        "f'DELETE FROM t WHERE a = {form[0]}'",
        "'SELECT %s FROM t' % a",
    ],
)
def test_s9_a_value_in_a_statement_is_noticed(code: str) -> None:
    found = list(statements(Source("x.py", "x", code, ast.parse(code))))
    assert found
    assert not any(is_ours("gateway/query/alarms.py", expression) for _, expression in found)


def test_s9_no_template_turns_escaping_off() -> None:
    pages = [*(ROOT / "dashboard").rglob("*.html"), *(ROOT / "district").rglob("*.html")]
    assert len(pages) > 10
    off = re.compile(r"\|\s*safe\b|\{%-?\s*autoescape|srcdoc=|\son[a-z]+=[\"']|javascript:|<style|style=\"")
    assert [path.name for path in pages if off.search(path.read_text(encoding="utf-8"))] == []
    rooms = [one for one in sources() if one.room in ROOMS_WITH_SQL]
    assert [one.path for one in rooms if re.search(r"\bMarkup\(|autoescape=False", one.text)] == []


FORBIDDEN = {
    "os.system": "a shell", "os.popen": "a shell", "pickle": "code in data", "marshal": "code in data", "shelve": "code in data",
    "telnetlib": "plain text", "ftplib": "plain text", "xml.dom": "entities", "xml.sax": "entities", "lxml": "entities",
    "xml.etree.ElementTree.fromstring": "entities", "xml.etree.ElementTree.parse": "entities", "tempfile.mktemp": "a race",
    "gzip.decompress": "a bomb", "gzip.open": "a bomb", "zlib.decompress": "a bomb", "bz2": "a bomb", "lzma": "a bomb",
}  # fmt: skip


def test_s9_s20_nothing_runs_a_shell_unpacks_without_bound_or_lets_data_be_code() -> None:
    called = re.compile(
        r"\b(shell=True|os\.system\(|os\.popen\(|create_subprocess_shell\(|zlib\.decompress\(|gzip\.decompress\(|yaml\.unsafe_load"
        r"|mktemp\()|(?<![\w.])(eval|exec)\("
    )
    wrong = [
        (source.path, name)
        for source in sources()
        for name in imports(source)
        if any(name == bad or name.startswith(bad + ".") for bad in FORBIDDEN)
    ]
    wrong += [(source.path, found[0]) for source in sources() if (found := called.search(source.text))]
    assert wrong == []


@pytest.mark.parametrize("function", [5, 6, 15, 16, 22, 23])
def test_s15_no_profile_can_write(function: int) -> None:
    with pytest.raises(ValidationError, match="function"):
        RegisterPoint.model_validate(
            {"quantity": "voltage", "address": 0, "type": "u16", "function": function}
        )


def test_s15_the_gateway_has_no_call_that_writes_to_a_bus_and_no_server_of_one() -> None:
    writes = re.compile(
        r"\b(write|mask_write|readwrite)_(coils?|registers?)\(|pymodbus\.server|\bStart(Async)?\w*Server\b"
    )
    rooms = ("devices", "edge_config", "gateway", "dashboard", "district", "runtime")
    assert [one.path for one in sources() if one.room in rooms and writes.search(one.text)] == []


def test_s17_what_nobody_asked_to_be_open_listens_on_this_machine_only() -> None:
    assert Listen(port=1).host == "127.0.0.1"
    assert Settings("").host == "127.0.0.1"
    (host,) = [option for option in district.params if option.name == "host"]
    assert host.default == "127.0.0.1"
    for command in ("simulate", "centre"):
        said = CliRunner().invoke(_command(command), ["--help"]).output
        assert "0.0.0.0" not in said


def _command(name: str):  # type: ignore[no-untyped-def]
    from gateway.cli.main import app

    return app.get_command(None, name)  # type: ignore[arg-type]


SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{20}|\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{16,}"
    r"|\b[a-z0-9-]+\.gw-\d\.[0-9a-f]{8}\.[A-Za-z0-9_-]{43}\b"
)


def test_s19_no_secret_is_in_the_repository() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert len(files) > 500
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in files if path.is_file()}
    assert [path.name for path, text in texts.items() if SECRETS.search(text)] == []
    kinds = (".pem", ".key", ".token", ".password", ".p12", ".pfx")
    assert [path.name for path in files if path.suffix in kinds] == []


def test_s26_no_server_shows_traces_or_its_documentation_to_strangers() -> None:
    debugging = re.compile(
        r"\bdebug=True|reload=True|docs_url=(?!None)|redoc_url=(?!None)|server_header=True"
    )
    assert [source.path for source in sources() if debugging.search(source.text)] == []
