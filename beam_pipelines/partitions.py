"""Columns that stand in the path of a shard: folders ``key=value``, as Hive and Spark write them.

The convention: https://arrow.apache.org/docs/python/generated/pyarrow.dataset.HivePartitioning.html
"""

from urllib.parse import unquote

NULL = "__HIVE_DEFAULT_PARTITION__"
"""The folder of rows that have no value."""

PartitionKeys = dict[str, str | None]


def partition_keys(path: str) -> PartitionKeys:
    """Keys and values of the folders of a path, percent-decoded; of equal keys the innermost.

    Other folders and the name of the file say nothing.
    """
    found: PartitionKeys = {}
    for folder in path.split("/")[:-1]:
        key, equals, value = folder.partition("=")
        if key and equals:
            found[unquote(key)] = None if value == NULL else unquote(value)
    return found


def above_partitions(folder: str) -> str:
    """The folder without the partitions that it ends with: where the data set lies.

    So a run over one partition names its shards as a run over all does.
    """
    above, _, name = folder.rstrip("/").rpartition("/")
    is_key = bool(name.partition("=")[1]) and name[0] != "="
    return above_partitions(above or "/") if is_key else folder
