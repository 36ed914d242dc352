#!/bin/sh
# One night: scan, fill the review table, export it. Called by cron, systemd or Airflow.
#
# Places, set in the environment where they are others:
#   SCRUBTRACE_BIN     folder of the command         /opt/scrubtrace/.venv/bin
#   SCRUBTRACE_BASE    where the job lives           /var/lib/scrubtrace
#   SCRUBTRACE_INPUT   shards, one glob              $SCRUBTRACE_BASE/data/*.parquet
#   SCRUBTRACE_OUT     runs, a local folder          $SCRUBTRACE_BASE/out
#   SCRUBTRACE_REVIEW  address of the review table   sqlite:///$SCRUBTRACE_BASE/review.sqlite
#   SCRUBTRACE_CSV     the exported table            $SCRUBTRACE_BASE/flagged.csv
# Columns, data set and limits are in $SCRUBTRACE_BASE/scrubtrace.toml.
#
# Exit codes: those of scrubtrace, but a run that is not finished ends with 75 instead of 3.
# 2, 3, 4 and 5 need somebody to look, a retry at once does not help; any other but 0 is worth one.
set -u
PATH=${SCRUBTRACE_BIN:-/opt/scrubtrace/.venv/bin}:$PATH
BASE=${SCRUBTRACE_BASE:-/var/lib/scrubtrace}
INPUT=${SCRUBTRACE_INPUT:-$BASE/data/*.parquet}
OUT=${SCRUBTRACE_OUT:-$BASE/out}
REVIEW=${SCRUBTRACE_REVIEW:-sqlite:///$BASE/review.sqlite}
CSV=${SCRUBTRACE_CSV:-$BASE/flagged.csv}
LOG=$BASE/log/$(date +%Y%m%d).log
STARTED=$BASE/log/started

# Ends with a code and a line for the scheduler's mail or log.
stop() {
    echo "scrubtrace nightly: $2, see $LOG" >&2
    exit "$1"
}

mkdir -p "$BASE/log" && cd "$BASE" || exit 2
: >"$STARTED"

scrubtrace detect "$INPUT" --out "$OUT" --review "$REVIEW" >>"$LOG" 2>&1
code=$?
case $code in
    0) ;;
    2) stop 2 "not started: options, configuration, key, or the folder is in use" ;;
    3)  # A committed run has a new manifest: rows or shards are dead, or no turn was judged.
        if [ -z "$(find "$OUT/runs" -name manifest.json -newer "$STARTED" 2>>"$LOG")" ]; then
            stop 75 "not finished, the next run goes on from here"
        fi ;;
    4) stop 4 "sums do not match, do not use this run" ;;
    *) stop "$code" "detect ended with code $code" ;;
esac

scrubtrace review export --review "$REVIEW" --out "$CSV" >>"$LOG" 2>&1 ||
    stop $? "the review table could not be exported"

# Optional: delete all but the newest 30 runs, and those that they need.
# scrubtrace runs prune --out "$OUT" --keep 30 >>"$LOG" 2>&1 || stop $? "old runs were not deleted"

# Optional: end with code 5 if a limit in the section [gate] of scrubtrace.toml is exceeded.
# scrubtrace gate --out "$OUT" >>"$LOG" 2>&1 || stop $? "a limit is exceeded"

[ "$code" -eq 0 ] || stop "$code" "dead rows or shards, or no turn judged; the rest is in the table"
