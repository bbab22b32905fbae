"""The drawings of the grammar are those of the grammar as it stands, and none is left over."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from pages import ROOT

_spec = importlib.util.spec_from_file_location("railroads", ROOT / "docs" / "write_railroads.py")
assert _spec is not None
assert _spec.loader is not None
writer: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writer)

FILES: dict[Path, str] = writer.pages()
RUN = "run `python docs/write_railroads.py`"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_drawing_is_that_of_the_grammar(path: Path) -> None:
    assert path.exists(), RUN
    assert path.read_text("utf-8") == FILES[path], RUN


def test_no_drawing_is_left_over() -> None:
    assert set((ROOT / "docs" / "railroad").iterdir()) == set(FILES) - {writer.PAGE}, RUN


def test_a_word_is_drawn_as_it_is_typed() -> None:
    drawn = FILES[writer.PICTURES / "quiet-hours.svg"]
    assert ">quiet hours<" in drawn
    assert ">time of day<" in drawn
    assert "QUIET_HOURS" not in drawn


def test_a_new_statement_is_drawn_by_itself() -> None:
    grammar = writer.GRAMMAR_FILE.read_text("utf-8")
    grown = grammar.replace("| exit |", "| exit | greet |").replace(
        "\nexit: ", "\ngreet: SEND ref\nexit: "
    )
    drawn = {rule for _, rules in writer.Grammar(grown).groups() for rule in rules}
    assert "greet" in drawn
    assert "greet" not in {rule for _, rules in writer.Grammar(grammar).groups() for rule in rules}


def test_changed_structure_asks_for_another_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RESHAPED_FROM", "other")
    with pytest.raises(SystemExit, match="when_chain"):
        writer.pages()
