"""An Airflow DAG that scans every night: ``nightly.sh``, one run at a time.

Copy it into the folder of your DAGs. Written for Airflow 3; `airflow-requirements.txt` has the
versions it was run with. Airflow and scrubtrace need environments of their own: their dependencies
differ, and the DAG only starts the script.
"""

import os
from datetime import datetime
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

SCRIPT = os.environ.get("SCRUBTRACE_NIGHTLY", "/opt/scrubtrace/examples/schedulers/nightly.sh")
NO_RETRY = {2, 3, 4, 5}
"""Exit codes of the script after which a retry does not help."""


class NightlyScan(BaseOperator):
    """Runs the script; it gets the environment of the Airflow worker.

    `BashOperator` knows one kind of failure; here some are worth a retry and some are not.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hook = SubprocessHook()

    def execute(self, context: Context) -> None:
        """Raises AirflowFailException if a retry is useless, AirflowException if it is not."""
        code = self.hook.run_command(["/bin/sh", SCRIPT]).exit_code
        if code in NO_RETRY:
            raise AirflowFailException(f"exit code {code}: a retry does not help")
        if code:
            raise AirflowException(f"exit code {code}: a retry goes on from here")

    def on_kill(self) -> None:
        """Ends the script and the scan, which the next attempt takes up."""
        self.hook.send_sigterm()


with DAG(
    "scrubtrace_nightly",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
):
    NightlyScan(task_id="scan", retries=2)
