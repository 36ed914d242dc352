"""The file of a new campaign, with comments that say what to write."""

import json
import os
from datetime import date

from scrubtrace.campaign.file import NAME
from scrubtrace.config import FILE, Config
from scrubtrace.exits import UsageStop
from scrubtrace.policy import policy_digest

_TEMPLATE = """\
# A campaign: a named review of data sets. Keep this file under version control.
# scrubtrace campaign check {name}.toml --runs out --review sqlite:///review.sqlite
# Paths are relative to the folder of this file.
format = 1
name = "{name}"
purpose = "say why the data are reviewed"
owner = "data governance"          # a role, not a person
from = {today}
to = {end}
# The policy that decides what is flagged: a configuration, or the digest of a manifest.
{policy}

# Every shard that there should be. inputs: files and globs. Or inventory: a CSV file with the
# column shard (names as the runs have them) and, if known, rows and bytes.
[[dataset]]
name = "answers"
inputs = ["data/*.parquet"]
# inventory = "shards.csv"

# What must be done. Leave out the tables of steps that this campaign does not require.
[steps.scan]
detectors = ["boilerplate", "redaction"]   # each must have results of every shard

[steps.review]
share = 1.0                        # of the flagged places that must be decided

# [steps.audit]
# batches = ["autumn"]             # empty: any audit batch that was made since 'from'

# [steps.controls]
# answers = 50                     # decisions on controls since 'from'

# [steps.purge]
# records = ["purged/removal/record.json"]

# What is left out on purpose. It counts only with approver and expiry.
# [[exception]]
# id = "E-1"
# dataset = "answers"              # and, or: shards = "old/*", source, vendor, language, kind
# shards = "old/*"
# reason = "deleted in the next quarter"
# approver = "TICKET-12"           # a role or a ticket, not a person
# approved = {today}
# expires = {end}

# What somebody has to do.
# [[action]]
# id = "A-1"
# what = "ask the vendor for the missing shards"
# owner = "vendor management"
# due = {end}
# state = "confirmed"   # or finding, corrective_action, retest, closed, dismissed
# closed_by = "TICKET-13"          # once it is closed or dismissed
"""


_POLICY_FILE = """\
policy_file = {file}
# policy_digest = "0123456789abcdef\""""

_DEFAULTS = """\
# There was no scrubtrace.toml: this is the policy of the defaults.
policy_digest = "{digest}"
# policy_file = "scrubtrace.toml\""""


def template(name: str, today: date, folder: str) -> str:
    """The text of a new file for a folder; `UsageStop` for a name that a campaign cannot have.

    The policy is that of the configuration in the working directory, as for a scan there; without
    one, that of the defaults by its digest.
    """
    if not NAME.fullmatch(name):
        raise UsageStop(
            f"{name!r} is no name of a campaign: letters, digits, dots, - and _, at most 100"
        )
    end = date(today.year + 1, today.month, min(today.day, 28))
    return _TEMPLATE.format(name=name, today=today, end=end, policy=_policy(folder))


def _policy(folder: str) -> str:
    if not os.path.exists(FILE):
        return _DEFAULTS.format(digest=policy_digest(Config().policy))
    path = os.path.relpath(FILE, folder)
    return _POLICY_FILE.format(file=json.dumps(path, ensure_ascii=False))
