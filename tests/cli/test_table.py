"""What stands in answers on a terminal (S9)."""

from __future__ import annotations

import json

import pytest

from gateway.cli import main
from gateway.cli.table import json_line, table
from gateway.errors import ControlError

NAME = "meter\x1b[2J\r\n伪造 forged\x9b31m"


def test_s9_a_name_is_one_cell_of_one_row() -> None:
    said = table(("device", "topic"), [(NAME, "a"), ("b", NAME)])
    assert len(said.splitlines()) == 3
    assert all(line.isprintable() for line in said.splitlines())


def test_s9_a_name_is_one_value_of_one_line() -> None:
    said = json_line({"device": NAME})
    assert said.isprintable()
    assert json.loads(said) == {"device": NAME}


def test_s9_an_error_that_quotes_a_stranger_does_not_speak_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise ControlError(NAME)

    monkeypatch.setattr(main, "app", refuse)
    with pytest.raises(SystemExit):
        main.main()
    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))
