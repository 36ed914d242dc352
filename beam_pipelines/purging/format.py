"""How a Parquet file was written, as far as its footer says, to write another like it.

Not said by a footer, and so not kept: the level of compression, the size of pages, the version of
data pages (written is 1.0), page checksums (always written), and the name of the writer.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.parquet as pq

_ENCODINGS = frozenset(
    {
        "BYTE_STREAM_SPLIT",
        "DELTA_BINARY_PACKED",
        "DELTA_BYTE_ARRAY",
        "DELTA_LENGTH_BYTE_ARRAY",
    }
)
"""Encodings that can be asked for besides plain values and dictionaries."""

_CODECS = {"UNCOMPRESSED": "NONE"}


def writer_options(metadata: pq.FileMetaData) -> dict[str, Any]:
    """Options of `pq.ParquetWriter` for a file like this one."""
    chunks = _first_chunks(metadata)
    options: dict[str, Any] = {
        "version": _version(metadata),
        "store_schema": False,  # that of the input is written with the other metadata
        "write_page_checksum": True,
        "use_compliant_nested_type": not any(
            ".list.item" in metadata.schema.column(n).path for n in range(metadata.num_columns)
        ),
        "use_deprecated_int96_timestamps": any(
            metadata.schema.column(n).physical_type == "INT96" for n in range(metadata.num_columns)
        ),
    }
    if not chunks:
        return options
    dictionaries = [c.path_in_schema for c in chunks if c.has_dictionary_page]
    encodings = {
        c.path_in_schema: found[0]
        for c in chunks
        if not c.has_dictionary_page and len(found := sorted(_ENCODINGS & {*c.encodings})) == 1
    }
    return options | {
        "compression": {
            c.path_in_schema: _CODECS.get(c.compression, c.compression) for c in chunks
        },
        "use_dictionary": dictionaries or False,
        "column_encoding": encodings or None,
        "write_statistics": [c.path_in_schema for c in chunks if c.is_stats_set],
        "write_page_index": any(c.has_offset_index for c in chunks),
        "sorting_columns": metadata.row_group(0).sorting_columns or None,
        "store_decimal_as_integer": any(
            _is_integer_decimal(metadata, n) for n in range(len(chunks))
        ),
    }


def not_kept(
    before: pq.FileMetaData, after: pq.FileMetaData, groups: Sequence[int]
) -> Iterator[str]:
    """Properties that the new file does not have; ``groups`` are rows left of each row group."""
    if not before.schema.equals(after.schema):
        yield "Parquet schema"
    if (before.metadata or {}) != (after.metadata or {}):
        yield "key-value metadata"
    if before.format_version != after.format_version:
        yield f"format version {before.format_version} (is {after.format_version})"
    if before.created_by != after.created_by:
        yield f"created_by {before.created_by!r}"
    if [rows for rows in groups if rows] != _group_rows(after):
        yield "row groups (cut, as they are larger than purge.group_bytes)"
    now = {c.path_in_schema: c for c in _first_chunks(after)}
    for chunk in _first_chunks(before):
        path = chunk.path_in_schema
        if path not in now:
            continue
        if chunk.compression != now[path].compression:
            yield f"compression {chunk.compression} of {path}"
        if lost := sorted({*chunk.encodings} - {*now[path].encodings} - {"BIT_PACKED"}):
            yield f"encoding {', '.join(lost)} of {path}"
        if chunk.bloom_filter_offset is not None:
            yield f"bloom filter of {path}"


def _first_chunks(metadata: pq.FileMetaData) -> list[pq.ColumnChunkMetaData]:
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    return [group.column(number) for number in range(group.num_columns)]


def _group_rows(metadata: pq.FileMetaData) -> list[int]:
    return [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]


def _version(metadata: pq.FileMetaData) -> str:
    """The format's version; the newest where an older one would round nanoseconds."""
    version = str(metadata.format_version)
    schema = metadata.schema
    kinds = [schema.column(n) for n in range(metadata.num_columns)]
    if any("nanoseconds" in str(k.logical_type) and k.physical_type != "INT96" for k in kinds):
        return "2.6"
    return version if version in ("1.0", "2.4", "2.6") else "2.6"


def _is_integer_decimal(metadata: pq.FileMetaData, number: int) -> bool:
    column = metadata.schema.column(number)
    return column.logical_type.type == "DECIMAL" and column.physical_type in ("INT32", "INT64")
