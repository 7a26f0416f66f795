"""A study that runs in seconds, and augsearch's command in a process of its own.

Imported by its plain name, as `measure` is.
"""

import os
import subprocess
import sys
from pathlib import Path

_STUDY = """\
seed = 7
device = "cpu"
{head}[images]
size = 16
[data]
kind = "demo"
train = 24
tune = 24
test = {test}
[split]
method = "given"
[sources.acgan]
kind = "acgan"
generator_filters = [16, 8]
discriminator_filters = [8, 16]
batch_size = 8
iterations = {iterations}
{generator}[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {{kind = "logistic"}}
[arms.real]
[arms.search]
search = {{source = "acgan", window = 2, max_multiple = {most}}}
[evaluation]
replicates = 2
test_replicates = 2
{more}"""


def tiny_study(
    test: int, iterations: int, most: int, generator: str, head: str = "", more: str = ""
) -> str:
    """Return the text of a study with demo images, an ACGAN and a search.

    Args:
        test: Images of the test set.
        iterations: Of the ACGAN.
        most: The largest K.
        generator: Further lines for the ACGAN.
        head: Lines before the first table.
        more: Further tables.
    """
    return _STUDY.format(
        test=test, iterations=iterations, most=most, generator=generator, head=head, more=more
    )


def call(
    *arguments: object, folder: Path | None = None, seconds: float | None = None, **variables: str
) -> str:
    """Run a command of augsearch and return what it printed; one that fails ends this process.

    Args:
        arguments: Of the command.
        folder: The working directory.
        seconds: The longest it may take.
        variables: Added to its environment.
    """
    words = [*map(str, arguments)]
    done = subprocess.run(
        [sys.executable, "-m", "augsearch", *words],
        cwd=folder,
        env=os.environ | variables,
        timeout=seconds,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"augsearch {' '.join(words)}: code {done.returncode}\n{done.stderr}")
    return done.stdout
