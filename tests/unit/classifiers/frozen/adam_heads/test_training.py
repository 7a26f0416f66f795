import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from augsearch.classifiers.frozen.adam_heads import HeadCell, train_adam_heads
from augsearch.classifiers.linear_head import LinearHead
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead

N_FEATURES = 30


@pytest.fixture(scope="module")
def bank() -> NDArray[np.float32]:
    made = np.zeros((90, 32), dtype=np.float32)
    made[:, :N_FEATURES] = np.random.default_rng(0).normal(size=(90, N_FEATURES))
    made[:, N_FEATURES] = 1
    return made


def cell(n: int, n_classes: int, name: str = "cell") -> HeadCell:
    rng = np.random.default_rng(n)
    return HeadCell(rng.permutation(90)[:n], rng.integers(0, n_classes, n), Seed.of(5, name, n))


def train(
    bank: NDArray[np.float32], cells: list[HeadCell], options: AdamHead, n_classes: int
) -> list[LinearHead]:
    return train_adam_heads(
        bank,
        cells,
        options,
        n_features=N_FEATURES,
        n_classes=n_classes,
        device="cpu",
        advance=lambda steps: None,
    )


def plain_loop(
    bank: NDArray[np.float32], cell: HeadCell, options: AdamHead, n_classes: int
) -> torch.nn.Linear:
    """The same training written the usual way in PyTorch, one head and one batch at a time."""
    x = torch.from_numpy(bank[cell.rows, :N_FEATURES])
    y = torch.from_numpy(cell.labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(cell.seed.child("head").integer())
        head = torch.nn.Linear(N_FEATURES, n_classes)
    optimiser = torch.optim.Adam(head.parameters(), lr=options.learning_rate)
    decay = options.learning_rate / options.epochs if options.decay is None else options.decay
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda t: 1 / (1 + decay * t))
    rng = cell.seed.child("batches").generator()
    for _ in range(options.epochs):
        order = list(range(len(y)))
        for i in order.copy():
            j = int(rng.integers(0, 1 << 32, dtype=np.uint32)) * (i + 1) >> 32
            order[i], order[j] = order[j], order[i]
        for batch in torch.tensor(order).split(options.batch_size):
            optimiser.zero_grad()
            if options.outputs == "softmax":
                loss = torch.nn.functional.cross_entropy(head(x[batch]), y[batch])
            else:
                one_hot = torch.nn.functional.one_hot(y[batch], n_classes).float()
                loss = torch.nn.functional.binary_cross_entropy_with_logits(head(x[batch]), one_hot)
            loss.backward()
            optimiser.step()
            schedule.step()
    return head


@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
@pytest.mark.parametrize("decay", [None, 0.01])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_equal_those_of_a_plain_loop(
    bank: NDArray[np.float32], outputs: str, decay: float | None, n_classes: int
) -> None:
    options = AdamHead(outputs=outputs, decay=decay, epochs=12, learning_rate=3e-3)
    # 21 = 2 full batches and one of 5; 3 is less than one batch; 16 has no short batch.
    cells = [cell(n, n_classes) for n in (21, 3, 16, 85)]
    for head, one in zip(train(bank, cells, options, n_classes), cells, strict=True):
        expected = plain_loop(bank, one, options, n_classes)
        np.testing.assert_allclose(head.weight, expected.weight.detach(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(head.bias, expected.bias.detach(), rtol=0, atol=1e-5)


def test_the_papers_settings_equal_a_plain_loop_over_many_chunks(bank: NDArray[np.float32]) -> None:
    options, one = AdamHead(), cell(43, 2)
    (head,) = train(bank, [one], options, 2)
    expected = plain_loop(bank, one, options, 2)
    np.testing.assert_allclose(head.weight, expected.weight.detach(), rtol=0, atol=1e-5)


def test_progress_counts_every_head_step_once(bank: NDArray[np.float32]) -> None:
    steps: list[int] = []
    cells = [cell(n, 2) for n in (85, 20, 7, 8, 9, 40, 41, 42, 43)]
    train_adam_heads(
        bank, cells, AdamHead(epochs=60), n_features=N_FEATURES, n_classes=2, device="cpu",
        advance=steps.append,
    )  # fmt: skip
    assert sum(steps) == sum(-(-len(one.rows) // 8) * 60 for one in cells)
    assert len(steps) > 2


def test_no_cells_give_no_heads(bank: NDArray[np.float32]) -> None:
    assert train(bank, [], AdamHead(), 2) == []


def test_the_head_learns_what_can_be_learnt(bank: NDArray[np.float32]) -> None:
    labels = (bank[:, 0] > 0).astype(np.int64)
    one = HeadCell(np.arange(90), labels, Seed.of(0))
    (head,) = train(bank, [one], AdamHead(learning_rate=1e-2, epochs=30), 2)
    accuracy = (head.predict_proba(bank[:, :N_FEATURES]).argmax(axis=1) == labels).mean()
    assert accuracy > 0.97
