"""A process that has loaded the large libraries, and becomes the command line in a copy of itself.

Loading torch, torchvision, MLflow, scikit-learn and what numba compiles takes longer than most of
the tests' runs. Every call is a fork: a process of its own, with its own folder, environment and
outputs, that ends as `python -m augsearch` ends, and can be killed. Taking the libraries apart
again at the end takes long too: only those calls do it that are told to be `whole`.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import socket
import sys
import tempfile
import threading
from pathlib import Path

import sqlalchemy

LARGE = (
    "matplotlib.pyplot",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.linear_model",
    "torchvision",
    "augsearch.classifiers.frozen.adam_heads.cpu",
    "augsearch.classifiers.frozen.adam_heads.shuffling",
    "matplotlib.backends.backend_svg",
    "optuna.storages",
    "augsearch.controller.run",
)


def next_call(channel: socket.socket) -> dict:
    """Wait for calls; returns one of them, in the process that is to run it.

    A call is one message, {folder, environment, arguments, whole}, with three files: stdout,
    stderr, and one that is told the process number and then, when it has ended, the exit code.
    """
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # those that stayed behind and are done
                pass
        message, files, _, _ = socket.recv_fds(channel, 1 << 17, 3)
        if not message:
            sys.exit()  # the tests have ended
        if os.fork() == 0:
            channel.close()
            call = json.loads(message)
            prepare(call, files)
            return call
        for file in files:
            os.close(file)


def prepare(call: dict, files: list[int]) -> None:
    """Give the call a process, and stay behind to tell how it ends."""
    out, err, told = files
    process = os.fork()
    if process:
        os.closerange(0, told)
        os.write(told, b"%d\n" % process)
        _, status = os.waitpid(process, 0)
        os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    # What Python opened at its start remembers another file: whether it can be gone back in.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    for file in files:
        os.close(file)
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))


def run(call: dict) -> None:
    """Be the command line, to the end of Python's last steps but one: the modules stay."""
    sys.argv[1:] = call["arguments"]
    sys.path[0] = str(Path.cwd())
    try:
        runpy.run_module("augsearch", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if not call["whole"] and isinstance(ended.code, int | None):
            threading._shutdown()
            atexit._run_exitfuncs()
            with contextlib.suppress(OSError):  # Python's own end has words for it
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(ended.code or 0)
        raise


if __name__ == "__main__":
    for name in LARGE:
        importlib.import_module(name)
    stores = runpy.run_path(str(Path(__file__).parents[1] / "quick_stores.py"))
    with tempfile.TemporaryDirectory() as folder:
        first = sqlalchemy.create_engine(f"sqlite:///{folder}/first.db")
        stores["make_tables"](first)
        first.dispose()
    gc.collect()
    gc.freeze()
    run(next_call(socket.socket(fileno=int(sys.argv[1]))))
