"""``explain``, ``detectors`` and ``signatures``: what is looked for, and what one text has."""

import sys
from typing import Any

import click

from scrubtrace.commands.options import (
    config_options,
    echo_lines,
    json_text,
    language_option,
    messages_of,
    read_config,
)
from scrubtrace.exits import UsageStop


@click.command()
@click.argument("text")
@click.option("--language", metavar="CODE", help="Language of the text (default: identified).")
@click.option("--source", metavar="NAME",
              help="Source of the text, as the column of detect --group-by source=COL has "
              "it.")  # fmt: skip
@click.option("--style-model", metavar="FILE", help="Style model, as for detect.")
@click.option("--style-calibration", metavar="FILE", help="Calibration of it, as for detect.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@language_option("--in")
@config_options
def explain(
    text: str, language: str | None, source: str | None, as_json: bool, **given: Any
) -> None:
    """Say what each detector finds in TEXT (- reads standard input).

    --language is that of the text, --in that of the words about it.

    \b
    scrubtrace explain - --style-calibration human.npz --source essays < essay.txt
    """
    from scrubtrace.detectors.registry import DetectorError
    from scrubtrace.explain import explain as explain_text
    from scrubtrace.explain import explanation

    if text == "-":
        text = _standard_input()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageStop("the text is not UTF-8") from None
    messages = messages_of(given, "--in")
    try:
        explained = explain_text(text, read_config(given), language, messages, source)
    except DetectorError as error:
        raise UsageStop(str(error)) from None
    if as_json:
        click.echo(json_text(explained))
    else:
        echo_lines(explanation(text, explained, messages).split("\n"))


@click.command()
def detectors() -> None:
    """List the installed detectors."""
    from scrubtrace.detectors.registry import OPTIONS_OF, DetectorError, only

    broken = []
    for name, entries in _registered().items():
        if name in OPTIONS_OF:
            click.echo(f"{name}  runs where it has options: {OPTIONS_OF[name]}")
            continue
        try:
            installed = only(entries)
            detector = installed.make()
        except DetectorError as error:
            broken.append(str(error))
            continue
        languages = ",".join(sorted(detector.languages))
        click.echo(
            f"{name}  version {detector.version}  lane {detector.lane}  languages {languages}  "
            f"{installed.distribution}  fingerprint {detector.fingerprint()}"
        )
    if broken:
        raise UsageStop("\n".join(broken))


@click.command(epilog="Rates: rows with an asserted hit, of the rows of `make eval`'s own data.")
@click.argument("pattern", default="*")
@click.option("--detector", metavar="NAME", help="Only this detector's.")
@click.option("--language", metavar="CODE", help="Only this language's; any: language-neutral.")
@click.option("--category", metavar="NAME", help="Only this category.")
@click.option("--strength", type=click.Choice(["proof", "strong", "weak"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with patterns and examples.")
@config_options
def signatures(pattern: str, as_json: bool, **given: Any) -> None:
    """List the signatures whose id matches PATTERN, with their measured rates.

    \b
    scrubtrace signatures 'zh.refusal.*'
    scrubtrace signatures --category placeholder --strength proof
    """
    from scrubtrace.detectors.registry import DetectorError
    from scrubtrace.signatures import as_table, listed

    names = ("detector", "language", "category", "strength")
    try:
        found = listed(read_config(given), pattern, {name: given[name] for name in names})
    except DetectorError as error:
        raise UsageStop(str(error)) from None
    if not found:
        raise UsageStop(f"no signature matches {pattern!r} with these options")
    click.echo(json_text(found) if as_json else as_table(found))


def _registered() -> Any:
    from scrubtrace.detectors.registry import DetectorError, registered_detectors

    try:
        return registered_detectors()
    except DetectorError as error:
        raise UsageStop(str(error)) from None


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise UsageStop("standard input is not UTF-8") from None
