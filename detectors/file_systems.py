"""Beam's file systems, loaded only where a path is on one.

Whoever opens such a path has them from here: `reference.copies` for indexes, and, from the room
above, `beam_pipelines.storage` for all other files.
"""

from typing import Any


def file_systems() -> Any:
    """Beam's file systems, with its default options where no pipeline has set others yet."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.options.value_provider import RuntimeValueProvider

    if FileSystems._pipeline_options is None and not RuntimeValueProvider.runtime_options:
        FileSystems.set_options(PipelineOptions([]))
    return FileSystems


def opened(path: str) -> Any:
    """A binary file as its bytes are, whatever its name ends in; raises what its client raises."""
    from apache_beam.io.filesystem import CompressionTypes

    return file_systems().open(path, compression_type=CompressionTypes.UNCOMPRESSED)
