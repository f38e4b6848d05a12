"""The console's catalogues: found in its code and templates, merged, compiled.

``python -m tools.console_words`` reads every sentence that the console can say, writes
``server/console/locale/LANGUAGE/LC_MESSAGES/console.po`` anew (what is gone leaves, what is new
comes without words) and compiles it. Babel does the reading and the plurals. It says what is
still without words, and stops there with 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from core.errors import CATALOGUE
from core.reasons import SENTENCES
from server.known_words import KNOWN

REPOSITORY = Path(__file__).resolve().parents[1]
CONSOLE = REPOSITORY / "server" / "console"
LOCALES = CONSOLE / "locale"
LANGUAGES = ("hi", "mn", "sw", "zh")
UNREAD = "Not yet read by people who grew up with it: have it read before an officer decides by it."
# The header carries no day of making: the same words are the same bytes.
NO_DAY = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {
    "_": None, "_n": (1, 2), "say": None, "say_count": (1, 2), "message": None, "shown": None,
}  # fmt: skip
METHODS = [
    ("console/templates/**.html", "jinja2.ext:babel_extract"),
    ("console/**.py", "python"),
    ("services/**.py", "python"),
]


def found() -> dict[str | tuple[str, ...], None]:
    """Every sentence, in the order of their files; one with a plural as a pair."""
    told = extract_from_dir(CONSOLE.parent, METHODS, keywords=KEYWORDS, comment_tags=())
    here = {each[2]: None for each in sorted(told, key=lambda each: (each[0], each[1]))}
    return here | dict.fromkeys(_from_core())


def _from_core() -> Iterator[str]:
    """Sentences that core keeps and the console shows: reasons, and titles of refusals."""
    yield from SENTENCES.values()
    yield from sorted(KNOWN)
    shown = ("HL-CORE-", "HL-SRV-")
    yield from (told.title for code, told in CATALOGUE.items() if code.startswith(shown))


def path_of(language: str) -> Path:
    """Where a language's catalogue lies."""
    return LOCALES / language / "LC_MESSAGES" / "console.po"


def read(language: str) -> Catalog:
    """A language's catalogue as it lies there; an empty one if there is none."""
    path = path_of(language)
    if not path.is_file():
        return Catalog(locale=language)
    return read_po(BytesIO(path.read_bytes()), locale=language)


def merged(language: str) -> Catalog:
    """A language's catalogue with exactly the sentences of today."""
    kept = read(language)
    told = Catalog(
        locale=language, domain="console", project="Harvestline", version="1",
        header_comment=f"# {UNREAD}", fuzzy=False,
    )  # fmt: skip
    for each in found():
        known = kept.get(each[0] if isinstance(each, tuple) else each)
        told.add(each, known.string if known and known.id == each else None)
    return told


def lacking(catalogue: Catalog) -> list[str]:
    """The sentences without words, or with doubtful ones."""
    return [f"{each.id}" for each in catalogue if each.id and (each.fuzzy or not _whole(each))]


def _whole(each: Message) -> bool:
    told = each.string if isinstance(each.string, (tuple, list)) else (each.string,)
    return bool(told) and all(told)


def compiled(catalogue: Catalog) -> bytes:
    """The bytes of the compiled catalogue."""
    out = BytesIO()
    catalogue.creation_date = catalogue.revision_date = NO_DAY
    write_mo(out, catalogue)
    return out.getvalue()


def written(catalogue: Catalog) -> bytes:
    """The bytes of the source, without dates, so that the same words give the same file."""
    out = BytesIO()
    write_po(out, catalogue, width=98, no_location=True, omit_header=True)
    plural = f"nplurals={catalogue.num_plurals}; plural={catalogue.plural_expr};"
    head = (
        f"# {UNREAD}\n"
        'msgid ""\nmsgstr ""\n"Project-Id-Version: Harvestline 1\\n"\n'
        f'"Language: {catalogue.locale_identifier}\\n"\n"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n'
        f'"Plural-Forms: {plural}\\n"\n\n'
    )
    return head.encode() + out.getvalue()


def main() -> None:
    """Renew every catalogue, and say what it lacks."""
    missing = 0
    for language in LANGUAGES:
        catalogue, path = merged(language), path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(catalogue))
        path.with_suffix(".mo").write_bytes(compiled(read(language)))
        without = lacking(catalogue)
        missing += len(without)
        for each in without:
            sys.stdout.write(f"{language}: no words for {each}\n")
        sys.stdout.write(f"{language}: {len(catalogue)} sentences, {len(without)} lacking\n")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
