"""Executes a notebook: execute.py NOTEBOOK SECONDS prints, as JSON,

    {"outputs": [outputs of each cell], "failure": null or {"cell", "message"}}

where `cell` is the index of the cell that was not finished, or null.
"""

import json
import logging
import os
import sys
import time
from queue import Empty

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

# Deno tells nobody of a promise that is rejected after its cell, and an error
# of a timer would stop the kernel.
LISTENERS = """
addEventListener("error", (event) => {
  event.preventDefault();
  console.error("Uncaught", event.error);
});
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  console.error("Uncaught (in promise)", event.reason);
});
"""

OUTPUTS = {"display_data", "error", "execute_result", "stream", "update_display_data"}


class Client(NotebookClient):
    """Also collects what the kernel sends after it has called a cell finished."""

    # Seconds of silence that end a cell, and that end the last one.
    SILENCE = 0.1
    LAST_SILENCE = 0.5
    # Some programs are never silent.
    LONGEST = 2.0

    current = None

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell.cell_type != "code" or not cell.source.strip():
            return cell
        self.current = cell_index
        try:
            return await super().async_execute_cell(cell, cell_index, **options)
        finally:
            await self.collect_late_outputs(cell, cell_index)

    async def collect_late_outputs(self, cell, cell_index):
        is_last = cell_index == len(self.nb.cells) - 1
        silence = self.LAST_SILENCE if is_last else self.SILENCE
        end = time.monotonic() + self.LONGEST
        while time.monotonic() < end:
            try:
                message = await self.kc.get_iopub_msg(timeout=silence)
            except Empty:
                return
            if message["msg_type"] in OUTPUTS:
                self.process_message(message, cell, cell_index)


def execute(path, seconds):
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.insert(0, nbformat.v4.new_code_cell(LISTENERS))
    deadline = time.monotonic() + seconds
    client = Client(
        notebook,
        kernel_name="deno",
        resources={"metadata": {"path": os.path.dirname(os.path.abspath(path))}},
        shutdown_kernel="immediate",
        timeout_func=lambda cell: max(0.1, deadline - time.monotonic()),
    )
    client.log.setLevel(logging.CRITICAL)
    message = None
    try:
        client.execute()
    except CellTimeoutError:
        message = f"not finished after {seconds:g} s: it takes too long, or hangs"
    except DeadKernelError:
        message = "the kernel died"
    except CellExecutionError as error:
        message = f"{error.ename}: {error.evalue}"
    except RuntimeError as error:  # The kernel did not start.
        message = str(error)
    failure = None
    if message is not None:
        cell = client.current - 1 if client.current else None
        failure = {"cell": cell, "message": message}
    outputs = [cell.get("outputs", []) for cell in notebook.cells[1:]]
    return {"outputs": outputs, "failure": failure}


json.dump(execute(sys.argv[1], float(sys.argv[2])), sys.stdout)
