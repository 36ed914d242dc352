"""Message catalogs: what the program says, taken from its code and data, and what translates it.

``make messages`` brings the template and every catalog up to date and compiles them. Messages are
first arguments of ``messages.text`` and ``messages.plural``, and the words of the tables below.
"""

import ast
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from scrubtrace.detectors.style.features import measures
from scrubtrace.detectors.style.word_lists import LANGUAGES as STYLE_LANGUAGES
from scrubtrace.detectors.style.word_lists import word_lists
from scrubtrace.messages import DOMAIN, ENGLISH, LANGUAGES
from scrubtrace.messages import Messages as English
from scrubtrace.report import names as report_names
from scrubtrace.review.sheet import labels
from scrubtrace.schemas.review import REASONS
from scrubtrace.schemas.vocabulary import Strength, Use
from scrubtrace.style_words import GROUPS, NOTE, PROBLEMS, RATES, UNREAD, measure_words
from scrubtrace.words import CLAIMS, WORDS

REPOSITORY = Path(__file__).parents[1]
LOCALE = REPOSITORY / "src/scrubtrace/locale"
TEMPLATE = LOCALE / f"{DOMAIN}.pot"
ROOMS = ("src/scrubtrace", "review")
TRANSLATED = LANGUAGES[1:]

_WHEN = datetime(2026, 1, 1, tzinfo=UTC)
"""Date in every header: catalogs do not differ when nothing was changed."""

_LEFT_OUT = tuple(
    f'"{name}: '
    for name in (
        "Report-Msgid-Bugs-To", "POT-Creation-Date", "PO-Revision-Date", "Last-Translator",
        "Language-Team", "Generated-By",
    )
)  # fmt: skip
"""Headers that say nothing here, or something else every time."""

_NAMES: dict[str, Iterable[str]] = {
    **labels.NAMES,
    **report_names.NAMES,
    "strength": Strength,
    "use": Use,
}


class Said(NamedTuple):
    """A message, or its two forms, with its context and the file that it is in."""

    id: str | tuple[str, str]
    where: str
    context: str | None = None


def messages() -> Iterator[Said]:
    """Everything that the program says in the language of its user, some of it twice."""
    for room in ROOMS:
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            where = str(path.relative_to(REPOSITORY))
            yield from (Said(found, where) for found in calls(path.read_text(encoding="utf-8")))
    yield from _tables()
    yield from _of_style()


def calls(source: str) -> Iterator[str | tuple[str, str]]:
    """Messages in calls of ``text`` and ``plural`` of what is named ``messages``, in order."""
    found = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _name(node.func.value) == "messages"
    ]
    for call in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
        assert isinstance(call.func, ast.Attribute)
        if call.func.attr == "text":
            yield from _strings(call.args[0])
        elif call.func.attr == "plural":
            one, other = (text for argument in call.args[:2] for text in _strings(argument))
            yield one, other
        elif call.func.attr == "joined":
            yield from (text for argument in call.args[1:] for text in _strings(argument))


def template() -> Catalog:
    """The catalog of all messages without a translation."""
    catalog = Catalog(project=DOMAIN, version="0.1.0", fuzzy=False)
    for said in messages():
        catalog.add(said.id, locations=[(said.where, 1)], context=said.context)
    return catalog


def catalog_of(language: str, file: Path | None = None) -> Catalog:
    """The catalog of a language as it is in its file; an empty one if there is none."""
    path = file or _path(language, "po")
    name = language.replace("-", "_")
    if not path.exists():
        return Catalog(name, DOMAIN, project=DOMAIN, version="0.1.0", fuzzy=False)
    with path.open("rb") as stream:
        return read_po(stream, locale=name, domain=DOMAIN)


def problems(language: str) -> list[str]:
    """What is wrong with the catalog of a language; nothing if it can be used as it is."""
    catalog, wanted = catalog_of(language), template()
    known = {(m.context, _id(m)) for m in catalog if m.id}
    asked = {(m.context, _id(m)) for m in wanted if m.id}
    found = [f"is not in the code: {text!r}" for _, text in sorted(known - asked, key=str)]
    found += [f"is not in the catalog: {text!r}" for _, text in sorted(asked - known, key=str)]
    for message in (m for m in catalog if m.id):
        found += _wrong(message)
    if compiled(language) != {k: v for m in catalog if m.id for k, v in _entries(m)}:
        found.append("the compiled file is not up to date")
    return found


def compiled(language: str) -> dict[tuple[str | None, Any], Any]:
    """Translations by context and message as the program reads them."""
    with _path(language, "mo").open("rb") as stream:
        return {k: v for m in read_mo(stream) if m.id for k, v in _entries(m)}


def update() -> None:
    """Write the template, the catalogs and what is compiled of them."""
    wanted = template()
    LOCALE.mkdir(exist_ok=True)
    write(TEMPLATE, wanted)
    for language in TRANSLATED:
        catalog = catalog_of(language)
        catalog.update(wanted, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.creation_date = catalog.revision_date = _WHEN
        _path(language, "po").parent.mkdir(parents=True, exist_ok=True)
        write(_path(language, "po"), catalog)
        with _path(language, "mo").open("wb") as stream:
            write_mo(stream, catalog)


def write(path: Path, catalog: Catalog) -> None:
    """Write a catalog, without headers that change by themselves."""
    catalog.header_comment = f"# {path.name}: see How to add in CONTRIBUTING.md."
    stream = BytesIO()
    write_po(stream, catalog, width=100, include_lineno=False, ignore_obsolete=True)
    lines = stream.getvalue().decode().splitlines(keepends=True)
    kept = (line for line in lines if not line.startswith(_LEFT_OUT))
    path.write_text("".join(kept), encoding="utf-8")


def fields(text: str) -> set[str]:
    """Names of the values in a message."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _tables() -> Iterator[Said]:
    sheet, vocabulary = "review/sheet/labels.py", "schemas/vocabulary.py"
    yield from (Said(text, "src/scrubtrace/words.py") for text in CLAIMS.values())
    yield from (Said(text, "src/scrubtrace/words.py") for text in WORDS.values())
    yield from (Said(text, sheet) for text in (*labels.PAGE.values(), labels.HELP))
    yield from (Said(text, sheet) for text in labels.SCRIPT.values())
    yield from (Said(forms, sheet) for forms in labels.PLURALS.values())
    for codes in REASONS.values():
        yield from (Said(text, "schemas/review.py") for text in codes.values())
    yield from (Said(text, "src/scrubtrace/audit/figures.py") for text in report_names.TEXTS)
    for what, names in _NAMES.items():
        yield from (Said(name.replace("_", " "), vocabulary, what) for name in names)


def _of_style() -> Iterator[Said]:
    """Words of measures, without those that are lists of words of the text's own language."""
    where = "src/scrubtrace/style_words.py"
    yield from (Said(text, where) for text in (UNREAD, NOTE, *RATES, *GROUPS, *PROBLEMS))
    for language in STYLE_LANGUAGES:
        groups = word_lists(language).groups
        listed = {group.meaning for group in groups if language != "en" or is_list(group)}
        recorder = _Recorder()
        for measure in measures(language):
            for is_higher in (True, False):
                measure_words(measure.words(is_higher), recorder)
        yield from (Said(text, where) for text in recorder.texts if text not in listed)


def is_list(group: Any) -> bool:
    """Whether what a group means is said by some of its words."""
    return all(word.strip().lower() in group.entries for word in group.meaning.split(","))


class _Recorder(English):
    """Messages that remember what was asked for."""

    def __init__(self) -> None:
        super().__init__(ENGLISH.language)
        self.texts: dict[str, None] = {}

    def text(self, message: str, /, **values: object) -> str:
        self.texts[message] = None
        return super().text(message, **values)


def _wrong(message: Any) -> Iterator[str]:
    forms = (message.string,) if isinstance(message.string, str) else tuple(message.string)
    wanted = fields(message.id if isinstance(message.id, str) else message.id[1])
    for form in forms:
        if not form:
            yield f"has no translation: {message.id!r}"
        elif fields(form) != wanted:
            yield f"has other values than {sorted(wanted)}: {form!r}"
    if message.fuzzy:
        yield f"is marked as fuzzy: {message.id!r}"


def _entries(message: Any) -> Iterator[tuple[tuple[str | None, Any], Any]]:
    string = message.string if isinstance(message.string, str) else tuple(message.string)
    yield (message.context, _id(message)), string


def _id(message: Any) -> Any:
    return message.id if isinstance(message.id, str) else tuple(message.id)


def _name(node: ast.expr) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _strings(node: ast.expr) -> Iterator[str]:
    """String constants of an argument, of both sides of a condition."""
    if isinstance(node, ast.IfExp):
        yield from (*_strings(node.body), *_strings(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _path(language: str, kind: str) -> Path:
    return LOCALE / language.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.{kind}"


if __name__ == "__main__":
    update()
