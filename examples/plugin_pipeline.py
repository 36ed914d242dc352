"""scrubtrace's detectors in a pipeline of your own: keeps rows without a trace, reports the others.

    python examples/plugin_pipeline.py 'examples/shards/*.parquet' kept.txt traces.jsonl

Rows come from Parquet here; any PCollection of (key, text) will do.
"""

import argparse
import json
import logging

import apache_beam as beam

from scrubtrace import DetectTraces, TextEvidence


def has_proof(found: TextEvidence) -> bool:
    """One phrase of strength proof that the text uses itself: the rule of this example."""
    return any(e["strength"] == "proof" and e["use"] == "asserted" for e in found.evidence)


def as_json(found: TextEvidence) -> str:
    """One line of the report: where the evidence is, never the text itself."""
    about = {"id": found.key, "detector": found.detector, "version": found.version}
    return json.dumps(about | {"evidence": found.evidence}, sort_keys=True)


def main() -> None:
    """Reads, detects, and writes the two outputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards")
    parser.add_argument("kept", help="ids of rows without proof, one a line")
    parser.add_argument("traces", help="evidence of the other rows, one JSON object a line")
    parser.add_argument("--id-column", default="id")
    parser.add_argument("--text-column", default="text")
    given, beam_arguments = parser.parse_known_args()
    id_column, text_column = given.id_column, given.text_column
    with beam.Pipeline(argv=["--runner=FnApiRunner", *beam_arguments]) as pipeline:
        found = (
            pipeline
            | "Read" >> beam.io.ReadFromParquet(given.shards, columns=[id_column, text_column])
            | "Key" >> beam.Map(lambda row: (row[id_column], row[text_column]))
            | "Detect" >> DetectTraces(detectors=["boilerplate"])
        )
        with_proof = found | "With proof" >> beam.Filter(has_proof)
        without = found | "Without proof" >> beam.Filter(lambda f: not has_proof(f))
        (
            with_proof
            | "As JSON" >> beam.Map(as_json)
            | "Write traces" >> beam.io.WriteToText(given.traces, shard_name_template="")
        )
        (
            without
            | "Id" >> beam.Map(lambda f: f.key)
            | "Write kept" >> beam.io.WriteToText(given.kept, shard_name_template="")
        )


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    main()
