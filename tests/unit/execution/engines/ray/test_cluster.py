import pytest

from augsearch.errors import AugsearchError
from augsearch.execution.engines.ray.cluster import Node, Share, share_of

SMALL, LARGE, GPUS = Node("a", 4, 0), Node("b", 16, 0), Node("c", 64, 8)


def test_a_call_takes_as_many_cpus_as_it_has_threads():
    share = share_of("cpu", 4, [SMALL, LARGE])
    assert share == Share(4)
    assert [share.times_in(node) for node in (SMALL, LARGE, GPUS)] == [1, 4, 16]


def test_a_gpu_comes_with_its_part_of_the_cpus():
    assert share_of("cuda", 32, [SMALL, GPUS]) == Share(8, 1)
    assert share_of("cuda", 2, [GPUS]) == Share(2, 1)
    assert [Share(2, 1).times_in(node) for node in (SMALL, GPUS)] == [0, 8]
    assert Share(16, 1).times_in(GPUS) == 4
    assert Share(0, 1).times_in(GPUS) == 8


@pytest.mark.parametrize(
    ("device", "threads", "nodes", "message"),
    [
        ("cpu", 17, [SMALL, LARGE], "needs 17 CPUs of one node .* a has 4 CPUs .* b has 16 CPUs"),
        ("cuda", 2, [SMALL], "needs a GPU and 0 CPUs .* a has 4 CPUs and 0 GPUs. Add a node with"),
        ("cpu", 1, [], "needs 1 CPU of one node .* it has no nodes"),
    ],
)
def test_what_no_node_has_is_refused_with_what_there_is(device, threads, nodes, message):
    with pytest.raises(AugsearchError, match=message):
        share_of(device, threads, nodes)
