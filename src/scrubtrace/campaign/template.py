"""The file of a new campaign, with comments that say what to write."""

from datetime import date

from scrubtrace.campaign.file import NAME
from scrubtrace.exits import UsageStop

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
policy_file = "scrubtrace.toml"
# policy_digest = "0123456789abcdef"

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


def template(name: str, today: date) -> str:
    """The text of a new file; raises `UsageStop` for a name that a campaign cannot have."""
    if not NAME.fullmatch(name):
        raise UsageStop(
            f"{name!r} is no name of a campaign: letters, digits, dots, - and _, at most 100"
        )
    end = date(today.year + 1, today.month, min(today.day, 28))
    return _TEMPLATE.format(name=name, today=today, end=end)
