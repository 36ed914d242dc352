"""``doctor``: what is installed and in place, and what can speak."""

from typing import Any

import click

from scrubtrace.commands.options import config_options, json_text, read_config
from scrubtrace.exits import UsageStop


@click.command()
@click.option("--out", metavar="DIR", help="Look at this folder of runs, too.")
@click.option("--review", metavar="URL", help="Review table: sqlite:///FILE or postgresql://...")
@click.option("--key-file", metavar="FILE", help="Key of the text digests.")
@click.option("--timeout", type=click.FloatRange(min=1), default=60.0, show_default=True,
              metavar="SECONDS", help="How long a detector may take to be set up.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_options
def doctor(as_json: bool, **given: Any) -> None:
    """Say what is installed, which detectors work, what can speak and what is in place.

    Writes nothing. Exit code 2 if something is broken that the configuration asks for.
    """
    from scrubtrace.doctor.examine import as_line, examine

    checks = []
    for check in examine(_question(given)):
        checks.append(check)
        if not as_json:
            click.echo(as_line(check))
    wrong = [check.name for check in checks if check.counts]
    if as_json:
        data = [vars(check) | {"counts": check.counts} for check in checks]
        click.echo(json_text({"ok": not wrong, "checks": data}))
    if wrong:
        raise UsageStop(f"broken and asked for by the configuration: {', '.join(wrong)}")
    if not as_json:
        click.echo("nothing that the configuration asks for is broken")


def _question(given: dict[str, Any]) -> Any:
    from scrubtrace.doctor.examine import Question

    about = (given["out"], given["key_file"], given["timeout"])
    try:
        return Question(read_config(given), "", *about)
    except UsageStop as stop:
        from scrubtrace.config import Config, ReviewSection

        config = Config(review=ReviewSection(url=given["review"]))
        return Question(config, str(stop), *about)
