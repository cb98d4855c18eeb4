"""Executes a notebook: execute.py NOTEBOOK SECONDS PROCESSORS prints, as JSON,

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

# Notebooks that run at once share the processors.
START = 'Object.defineProperty(navigator, "hardwareConcurrency", { value: %d });'

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


# What is due until then comes before its end, however busy the machine is: the
# kernel's timers are in their order, and so are its messages.
PAUSE = "await new Promise((resolve) => setTimeout(resolve, %d));"


class Client(NotebookClient):
    """Also collects what the kernel sends after it has called a cell finished."""

    # Milliseconds without an output that end a cell, and that end the last one.
    SILENCE = 100
    LAST_SILENCE = 500
    # Some programs are never silent.
    LONGEST = 2000

    current = None
    kernel_answers = True
    # Set when the kernel has started, however long that took.
    deadline = None

    def __init__(self, notebook, seconds, **options):
        super().__init__(notebook, **options)
        self.seconds = seconds
        self.timeout_func = lambda cell: max(0.1, self.left())

    def left(self):
        """Seconds that the notebook has left."""
        if self.deadline is None:
            return self.startup_timeout
        return self.deadline - time.monotonic()

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell.cell_type != "code" or not cell.source.strip():
            return cell
        self.current = cell_index
        if cell_index > 0 and self.deadline is None:
            self.deadline = time.monotonic() + self.seconds
        try:
            return await super().async_execute_cell(cell, cell_index, **options)
        except (CellTimeoutError, DeadKernelError):
            self.kernel_answers = False
            raise
        finally:
            if self.kernel_answers:
                await self.collect_late_outputs(cell, cell_index)

    async def collect_late_outputs(self, cell, cell_index):
        is_last = cell_index == len(self.nb.cells) - 1
        silence = self.LAST_SILENCE if is_last else self.SILENCE
        for _ in range(self.LONGEST // silence):
            if not await self.collect_during_pause(silence, cell, cell_index):
                return

    async def collect_during_pause(self, silence, cell, cell_index):
        """Collects what comes while the kernel waits; whether there was any of it."""
        pause = self.kc.execute(PAUSE % silence, silent=True, store_history=False)
        heard = False
        while True:
            try:
                message = await self.kc.get_iopub_msg(timeout=1)
            except Empty:
                await self.assert_alive()
                continue
            if message["msg_type"] in OUTPUTS:
                self.process_message(message, cell, cell_index)
                heard = True
            is_idle = message["content"].get("execution_state") == "idle"
            if is_idle and message["parent_header"].get("msg_id") == pause:
                return heard

    async def assert_alive(self):
        if not await self.km.is_alive():
            raise DeadKernelError("Kernel died")
        if self.left() < 0:
            raise CellTimeoutError("Cell execution timed out")


# Jupyter chooses free ports before the kernel starts, and another program may have
# taken one by then: https://github.com/jupyter/jupyter_client/issues/276
STARTS = 3


def execute(path, seconds, processors):
    """What came of the notebook; another kernel is started for one that did not start."""
    for start in range(STARTS):
        client = client_of(path, seconds, processors)
        message = execute_once(client, seconds)
        has_started = client.current is not None
        if message is None or has_started:
            break
    failure = None
    if message is not None:
        cell = client.current - 1 if client.current else None
        failure = {"cell": cell, "message": message}
    outputs = [cell.get("outputs", []) for cell in client.nb.cells[1:]]
    return {"outputs": outputs, "failure": failure}


def client_of(path, seconds, processors):
    """A client whose kernel is yet to start."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.insert(0, nbformat.v4.new_code_cell(START % processors + LISTENERS))
    client = Client(
        notebook,
        seconds,
        kernel_name="deno",
        resources={"metadata": {"path": os.path.dirname(os.path.abspath(path))}},
        shutdown_kernel="immediate",
    )
    client.log.setLevel(logging.CRITICAL)
    return client


def execute_once(client, seconds):
    """Executes the notebook of a client; returns what kept it from its end, if anything."""
    try:
        client.execute()
    except CellTimeoutError:
        return f"not finished after {seconds:g} s: it takes too long, or hangs"
    except DeadKernelError:
        return "the kernel died"
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except RuntimeError as error:  # The kernel did not start.
        return str(error)
    return None


json.dump(execute(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])), sys.stdout)
