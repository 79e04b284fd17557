"""Each language: what is found in a real program, as text, so that a change of a query shows as a diff."""

import json
from pathlib import Path

import pytest

from conexus.parsing.languages import BY_NAME, detect
from conexus.parsing.parse import parse_text
from conexus.types import ParsedFile

SAMPLES = Path(__file__).parent / "samples"
FOLDERS = sorted(path for path in SAMPLES.iterdir() if path.is_dir())
WITHOUT_SYMBOLS: frozenset[str] = frozenset()


def sample_of(folder: Path) -> Path:
    return next(path for path in sorted(folder.iterdir()) if path.name != "expected.json")


def parsed(path: Path) -> ParsedFile:
    text = path.read_text(encoding="utf-8")
    language = detect(path.name, text.encode()[:2000])
    assert language is not None
    return parse_text(text, language, 1500)


def described(result: ParsedFile) -> dict[str, object]:
    return {
        "language": result.language,
        "symbols": [
            f"{s.name_line}: {s.kind} {s.qualified_name} | {s.signature}" + (f" | {s.doc}" if s.doc else "")
            for s in result.symbols
        ],
        "references": sorted(f"{r.name}: {' '.join(map(str, r.lines))}" for r in result.references),
        "imports": [f"{i.line}: {i.target}" for i in result.imports],
        "chunks": [
            f"{c.span.start_line}-{c.span.end_line} {c.kind} {c.symbol} [{' '.join(c.names)}]" for c in result.chunks
        ],
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_program_is_read_as_recorded(folder: Path, update_golden: bool) -> None:
    """Symbols, references, imports and chunks of the sample are those of the golden file."""
    found = described(parsed(sample_of(folder)))
    golden = folder / "expected.json"
    if update_golden:
        golden.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(golden.read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_chunks_cover_a_program(folder: Path) -> None:
    """Chunks lie end to end over the whole file, in order, and none is much longer than asked for."""
    path = sample_of(folder)
    source = path.read_bytes()
    chunks = parsed(path).chunks
    assert [c.span.start_byte for c in chunks] == [0, *(c.span.end_byte for c in chunks[:-1])]
    assert chunks[-1].span.end_byte == len(source)
    if path.suffix != ".ipynb":
        assert b"".join(c.text.encode() for c in chunks) == source
        assert max(len(c.text.encode()) for c in chunks) <= 1540


def test_every_language_with_a_grammar_has_a_sample() -> None:
    """A language cannot be added without a golden test."""
    with_grammar = {language.name for language in BY_NAME.values() if language.grammar}
    assert with_grammar == {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_symbols_are_found(folder: Path) -> None:
    """Every language but those named has symbols."""
    assert bool(parsed(sample_of(folder)).symbols) == (folder.name not in WITHOUT_SYMBOLS)
