"""What is installed: scrubtrace and what it requires, its extras, models, Java."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, entry_points

from packaging.requirements import Requirement

from scrubtrace.doctor.check import Check, broken, missing, ok
from scrubtrace.doctor.trial import TIMEOUT_SECONDS, try_imports
from scrubtrace.environment import installed_distributions, normalised

TOPIC = "packages"
MODULES = {"google-re2": "re2"}
"""Modules whose name is not that of their distribution."""

MODEL_GROUP = "spacy_models"


def package_checks(timeout: float = TIMEOUT_SECONDS) -> Iterator[Check]:
    """Python, every requirement by version and import, extras, spaCy models and Java."""
    installed = installed_distributions()
    ours = installed["scrubtrace"]
    about = f"{platform.python_version()} ({platform.machine()}), {sys.executable}"
    yield ok(TOPIC, "Python", about)
    yield ok(TOPIC, "scrubtrace", ours.version)
    requirements = [Requirement(line) for line in ours.requires or ()]
    needed = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    modules = {r.name: MODULES.get(r.name, r.name.replace("-", "_")) for r in needed}
    found = [modules[r.name] for r in needed if normalised(r.name) in installed]
    problems = try_imports(found, timeout)
    for requirement in needed:
        problem = problems.get(modules[requirement.name])
        yield _required(requirement, installed.get(normalised(requirement.name)), problem)
    yield _psycopg(installed)
    yield _models()
    yield _java()


def _required(
    requirement: Requirement, installed: Distribution | None, problem: str | None
) -> Check:
    todo = f"pip install '{requirement}'"
    if installed is None:
        return broken(TOPIC, requirement.name, "not installed", todo)
    if not requirement.specifier.contains(installed.version, prereleases=True):
        about = f"{installed.version}, but scrubtrace needs {requirement.specifier}"
        return broken(TOPIC, requirement.name, about, todo)
    if problem:
        about = f"{installed.version} cannot be imported: {problem}"
        return broken(TOPIC, requirement.name, about, f"{todo} --force-reinstall")
    return ok(TOPIC, requirement.name, installed.version)


def _psycopg(installed: dict[str, Distribution]) -> Check:
    name = "psycopg"
    if name not in installed:
        todo = "for a review table in PostgreSQL: pip install 'scrubtrace[postgresql]'"
        return missing(TOPIC, name, "not installed", todo)
    version = installed[name].version
    if problem := try_imports([name]).get(name):
        todo = "pip install 'scrubtrace[postgresql]' --force-reinstall"
        return broken(TOPIC, name, f"{version} cannot be imported: {problem}", todo, asked=False)
    return ok(TOPIC, name, f"{version}, for a review table in PostgreSQL")


def _models() -> Check:
    models = sorted({entry.name for entry in entry_points(group=MODEL_GROUP)})
    if models:
        return ok(TOPIC, "spaCy models", ", ".join(models))
    todo = "only needed where detectors.redaction.models names one"
    return missing(TOPIC, "spaCy models", "none installed; blank pipelines are used", todo)


def _java() -> Check:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(os.path.join(home, "bin", "java") if home else "java")
    if java:
        return ok(TOPIC, "Java", f"{java}, for Beam's job servers of Flink and Spark")
    place = f"in JAVA_HOME={home}" if home else "on the path"
    todo = "only needed to submit to Flink or Spark from here: install a Java runtime"
    return missing(TOPIC, "Java", f"no java {place}", todo)
