"""Running the command line in this process."""

from scrubtrace.cli import main


def code_of(*arguments: str) -> int:
    """The exit code of ``scrubtrace`` with these arguments."""
    try:
        main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
