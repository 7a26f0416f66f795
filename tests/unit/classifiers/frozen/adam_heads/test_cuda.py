"""The GPU's kernel without a GPU: Triton interprets it, and compiles it for absent cards."""

import subprocess
import sys

import pytest

from augsearch.classifiers.frozen.adam_heads.problem import HeadProblem
from augsearch.study.schema.classifier import AdamHead

pytest.importorskip("triton")

INTERPRETED = """
import os
os.environ["TRITON_INTERPRET"] = "1"
import numpy as np
from augsearch.classifiers.frozen.adam_heads import HeadCell
from augsearch.classifiers.frozen.adam_heads.cpu import train_on_cpu
from augsearch.classifiers.frozen.adam_heads import cuda
from augsearch.classifiers.frozen.adam_heads.problem import HeadProblem
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead

bank = np.zeros((40, 32), np.float32)
bank[:, :30] = np.random.default_rng(0).normal(size=(40, 30))
bank[:, 30] = 1
for n_classes, outputs, batch_size in ((2, "softmax", 8), (3, "softmax", 5), (2, "sigmoid", 3)):
    cells = []
    for n in (3, 11):
        rng = np.random.default_rng(n)
        rows, labels = rng.integers(0, 40, n), rng.integers(0, n_classes, n)
        cells.append(HeadCell(rows, labels, Seed.of(0, n)))
    options = AdamHead(outputs=outputs, batch_size=batch_size, epochs=2, learning_rate=1e-2)
    problem = HeadProblem(options, 30, n_classes, 32)
    steps = []
    found = cuda.train_on_gpu(bank, cells, problem, "cpu", steps.append)
    expected = train_on_cpu(bank, cells, problem, lambda steps: None)
    for one, other, cell in zip(found, expected, cells, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
        assert abs(one - problem.start(cell.seed)).max() > 0.005
    assert sum(steps) == sum(cell.steps_per_epoch(batch_size) * 2 for cell in cells)
    cuda._CHUNK = 1
    again = cuda.train_on_gpu(bank, cells, problem, "cpu", lambda steps: None)
    np.testing.assert_array_equal(again, found)
    cuda._CHUNK = 1 << 22
"""

TYPES = {
    **{"bank": "*fp32", "rows": "*i32", "labels": "*i32", "starts": "*i64", "sizes": "*i32"},
    **{"rates": "*fp32", "guards": "*fp32", "weight": "*fp32", "mean": "*fp32", "square": "*fp32"},
    **{"first": "i32", "n_epochs": "i32", "scale": "fp32"},
}


def test_interpreted_it_does_what_the_processor_does() -> None:
    # A process of its own: Triton decides when it is imported whether it interprets.
    done = subprocess.run([sys.executable, "-c", INTERPRETED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("n_classes", "capability"), [(2, 80), (2, 90), (5, 90)])
def test_it_is_compiled_for_cards_that_are_not_there(n_classes: int, capability: int) -> None:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from augsearch.classifiers.frozen.adam_heads.cuda import KERNEL, settings

    fixed = settings(HeadProblem(AdamHead(), 1024, n_classes, 1040))
    source = ASTSource(KERNEL, TYPES | dict.fromkeys(fixed, "constexpr"), constexprs=fixed)
    assert triton.compile(source, target=GPUTarget("cuda", capability, 32)).asm["cubin"]
