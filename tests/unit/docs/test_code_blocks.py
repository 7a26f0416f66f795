"""The code blocks of pages are run as conftest.py says; here, that a wrong page fails."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STUDY = """\
```toml
# tiny.toml
[data]
kind = "demo"
[sources.twice]
kind = "repeat"
[arms.real]
[arms.more]
add = [{source = "twice", multiple = 2}]
```
"""


@pytest.fixture
def check(tmp_path):
    """Run the blocks of a page as a repository of its own -> (exit code, output, page after)."""

    def check(page: str, *options: str) -> tuple[int, str, str]:
        for name in ("conftest.py", "Makefile", "studies", "tests/quick_stores.py"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            (tmp_path / name).parent.mkdir(exist_ok=True)
            copy(ROOT / name, tmp_path / name)
        path = tmp_path / "docs" / "page.md"
        path.parent.mkdir()
        path.write_text(page)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(path)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, path.read_text()

    return check


RIGHT = f"""\
{STUDY}
```console
$ ls
tiny.toml
$ augsearch schema results | head -1
{{
```

```toml
[sources.twice]
kind = "classic"
degrees = 5
```

<!-- numbers vary -->
```console
$ echo 12 of 13
7 of 8
```

<!-- not run: needs a cluster -->
```console
$ augsearch run tiny.toml --out /nowhere
$ make test
$ srun augsearch run studies/quickstart.toml
```

```python
number = 41
```

```python
>>> number + 1
42
```
"""


def test_a_right_page_passes(check):
    code, output, _ = check(RIGHT)
    assert code == 0, output


WRONG = {
    "output": "```console\n$ echo 12\n13\n```\n",
    "failing command": "```console\n$ false\n```\n",
    "word": "<!-- numbers vary -->\n```console\n$ echo 12 of 13\n7 in 8\n```\n",
    "study": STUDY.replace("repeat", "repaet"),
    "table": "```toml\n[arms.other]\nadd = [{source = 'nothing', multiple = 2}]\n```\n",
    "option": "<!-- not run: why -->\n```console\n$ augsearch run a.toml --outt b\n```\n",
    "target": "<!-- not run: why -->\n```console\n$ make tset\n```\n",
    "file": "<!-- not run: why -->\n```console\n$ cat studies/none.toml\n```\n",
    "python": "```python\n1 / 0\n```\n",
    "syntax": "<!-- not run: why -->\n```python\n1 +\n```\n",
    "doctest": "```python\n>>> 1 + 1\n3\n```\n",
    "picture": "<!-- picture: curve.svg from runs/a/curve.svg -->\n",
}


def test_each_wrong_block_fails(check):
    code, output, _ = check("\n".join(WRONG.values()))
    assert code == 1
    assert f"{len(WRONG)} failed" in output, output


def test_real_output_is_put_into_the_page(check):
    code, output, page = check(WRONG["output"] + "\nEnd.\n", "--rewrite-docs")
    assert code == 0, output
    assert page == "```console\n$ echo 12\n12\n```\n\nEnd.\n"
