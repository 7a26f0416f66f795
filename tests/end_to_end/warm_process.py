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
import select
import signal
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
    running: dict[int, int] = {}  # process -> the file that is told of it
    ended, noticed = os.pipe()
    os.set_blocking(noticed, False)
    signal.set_wakeup_fd(noticed)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([channel, ended], [], [])
        if ended in ready:
            os.read(ended, 1 << 10)
            tell_ends(running)
        if channel not in ready:
            continue
        message, files, _, _ = socket.recv_fds(channel, 1 << 17, 3)
        if not message:
            os._exit(0)  # the tests have ended
        out, err, told = files
        process = os.fork()
        if process == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            channel.close()
            for file in (ended, noticed, told, *running.values()):
                os.close(file)
            call = json.loads(message)
            prepare(call, out, err)
            return call
        os.write(told, b"%d\n" % process)
        running[process] = told
        os.close(out)
        os.close(err)


def tell_ends(running: dict[int, int]) -> None:
    """Tell how calls have ended, and forget them."""
    for process, told in list(running.items()):
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            with contextlib.suppress(BrokenPipeError):  # nobody waited for it
                os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
            os.close(told)
            del running[process]


def prepare(call: dict, out: int, err: int) -> None:
    """Give this process the outputs, folder and environment of a call."""
    for file, place in ((out, 1), (err, 2)):
        os.dup2(file, place)
        os.close(file)
    # What Python opened at its start remembers another file: whether it can be gone back in.
    sys.stdout = os.fdopen(1, "w", closefd=False)
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
