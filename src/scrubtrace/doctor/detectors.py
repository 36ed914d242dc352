"""Which detectors work, and so which lanes, languages and strata can speak."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from scrubtrace.chosen import detector_options
from scrubtrace.config import Config
from scrubtrace.detectors.registry import (
    NEEDS_OPTIONS,
    DetectorError,
    Installed,
    only,
    registered_detectors,
)
from scrubtrace.doctor.check import Check, State, broken, missing, ok
from scrubtrace.doctor.trial import TIMEOUT_SECONDS, Answer, try_detector
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.style import STYLOMETRY
from scrubtrace.schemas.vocabulary import Lane
from scrubtrace.style.flagging import style_problem

TOPIC = "detectors"
LANGUAGES = ("en", "zh", "ja", "de", "id")
"""Languages that are always spoken of; what detectors and the newest run add comes behind."""

AT_ONCE = 2
LACKING = {
    Lane.MATCH: "build an index of known model output and name it in detectors.reference.index",
    Lane.TRACE: "install a detector of lane trace, such as scrubtrace's own",
    Lane.STYLE: "calibrate the shipped model (English only), or one of scrubtrace style train, on "
    "your own trusted rows, and name the file in detectors.stylometry.calibration",
}


@dataclass(frozen=True)
class Tried:
    """One detector: whether the configuration asks for it, and what it answered or the check."""

    name: str
    asked: bool
    answer: Answer | None
    check: Check


def try_detectors(config: Config, timeout: float = TIMEOUT_SECONDS) -> list[Tried]:
    """Every registered detector and every one that is asked for, each in its own process."""
    try:
        registered = registered_detectors()
    except DetectorError as error:
        return [Tried("", True, None, broken(TOPIC, "entry points", str(error), ""))]
    chosen = config.scan.detectors or None
    idle = NEEDS_OPTIONS - set(config.detectors)
    names = sorted({*(set(registered) - idle), *(chosen or ())})

    def tried(name: str) -> Tried:
        asked = chosen is None or name in chosen
        return _tried(name, registered.get(name, ()), config, asked, timeout)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(tried, names))
    idle_names = sorted(set(config.detectors) - set(chosen or names))
    return found + [_idle(name, name in registered) for name in idle_names]


def lane_checks(tried: list[Tried]) -> Iterator[Check]:
    """Which lanes can speak, and in which languages."""
    working = _working(tried)
    for lane in Lane:
        name = f"lane {lane}"
        speaking = {n: a for n, a in working.items() if a["lane"] == lane}
        if speaking:
            languages = sorted(_covered(speaking))
            yield ok("lanes", name, f"{', '.join(speaking)} in {', '.join(languages)}")
        else:
            yield missing("lanes", name, "no detector that works speaks in it", LACKING[lane])
    if not any(answer["lane"] == Lane.STYLE for answer in working.values()):
        about = "no stratum (language x source x length) can speak: no calibration here"
        yield missing("lanes", "strata", about, "the other lanes do not need any")


def policy_checks(config: Config, tried: list[Tried]) -> Iterator[Check]:
    """Whether style can flag what the policy says; nothing if the detector itself is broken."""
    options = config.detectors.get(STYLOMETRY, {})
    if any(one.name == STYLOMETRY and one.answer is None for one in tried):
        return
    about, _, todo = style_problem(config, options).partition(": ")
    if not about:
        yield ok("lanes", "policy.style", "asks for nothing that a scan cannot give")
    elif options.get("calibration"):
        yield broken("lanes", "policy.style", about, todo)
    else:
        yield missing("lanes", "policy.style", about, todo)


def language_checks(tried: list[Tried], seen: Mapping[str, int]) -> Iterator[Check]:
    """Which detectors speak on each language; ``seen`` are texts of the newest run by language."""
    working = _working(tried)
    others = sorted({*_covered(working), *seen} - set(LANGUAGES) - {"und"})
    for code in (*LANGUAGES, *others):
        texts = f"texts in the newest run: {seen[code]:,}" if code in seen else ""
        speaking = [name for name, answer in working.items() if code in answer["languages"]]
        name = f"language {code}"
        if speaking:
            yield ok("languages", name, "; ".join(filter(None, [", ".join(speaking), texts])))
        else:
            about = "; ".join(filter(None, ["no signatures: rows abstain", texts]))
            todo = f"write signatures for {code}, or install a detector that speaks on it"
            yield missing("languages", name, about, todo)
    about = "no signatures: rows abstain, except where one for any language hits"
    yield missing("languages", "other languages", about, "give a language column if it is known")


def _working(tried: list[Tried]) -> dict[str, Answer]:
    return {t.name: t.answer for t in tried if t.answer is not None and t.asked}


def _covered(answers: Mapping[str, Answer]) -> set[str]:
    return {code for answer in answers.values() for code in answer["languages"]}


def _tried(
    name: str, entries: tuple[Installed, ...], config: Config, asked: bool, timeout: float
) -> Tried:
    if not entries:
        todo = "install its package, or take it out of scan.detectors"
        return Tried(name, asked, None, broken(TOPIC, name, "not installed", todo))
    try:
        installed = only(entries)
    except DetectorError as error:
        todo = "until then name the detectors to run in scan.detectors"
        return Tried(name, asked, None, broken(TOPIC, name, str(error), todo, asked))
    try:
        options: dict[str, Any] = detector_options(config, name)
    except UsageStop as error:
        todo = f"correct detectors.{name}.signature_files"
        return Tried(name, asked, None, broken(TOPIC, name, str(error), todo, asked))
    answer, problem = try_detector(name, options, timeout)
    if answer is None:
        about = problem if installed.distribution in problem else _of(installed, problem)
        todo = f"change its options in [detectors.{name}], install {installed.distribution} again"
        todo += ", or leave it out of scan.detectors" if asked else ""
        return Tried(name, asked, None, broken(TOPIC, name, about, todo, asked))
    about = (
        f"version {answer['version']}, lane {answer['lane']}, languages "
        f"{','.join(answer['languages'])}, {installed.distribution}, "
        f"fingerprint {answer['fingerprint']}"
    )
    return Tried(name, asked, answer, Check(TOPIC, name, State.OK, about, "", asked))


def _of(installed: Installed, problem: str) -> str:
    return f"{installed.distribution}: {problem}"


def _idle(name: str, is_registered: bool) -> Tried:
    """Options of a detector that does not run, which detect refuses."""
    todo = "take the options out, or correct the name"
    if is_registered:
        todo = "take the options out, or add it to scan.detectors"
    about = f"options in [detectors.{name}], but it does not run: detect refuses that"
    return Tried(name, True, None, broken(TOPIC, f"options of {name}", about, todo))
