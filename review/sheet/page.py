"""The page around the data: one template, its style and script inline, nothing from outside.

The policy in the page lets run only the script and style with these hashes (Content Security
Policy Level 3, section 2.3.1), so that text of a row could not run even if it became markup.
"""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from string import Template

SCRIPTS = ("text.js", "decisions.js", "page.js", "control.js")
"""Parts of the one script, in order."""

_DATA = "<!-- data -->"


def around_data(labels: Mapping[str, str]) -> tuple[str, str]:
    """The page before and after its JSON data, with its labels in HTML."""
    style, script = _read("page.css"), "".join(_read(name) for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    before, _, after = _read("page.html").partition(_DATA)
    values = {**labels, "policy": policy(style, script), "style": style, "script": script}
    return Template(before).substitute(values), Template(after).substitute(values)


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy of a page with this style and script."""
    return "; ".join([
        "default-src 'none'",
        f"script-src '{source_hash(script)}'",
        f"style-src '{source_hash(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ])  # fmt: skip


def source_hash(content: str) -> str:
    """The hash of an inline element's content, as a policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
