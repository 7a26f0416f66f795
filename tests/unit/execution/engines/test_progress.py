from augsearch.events import Advanced, Warned
from augsearch.execution.engines.progress import Progress


def test_progress_is_that_of_all_calls():
    told = []
    progress = Progress(3, told.append)
    progress.tell(1, Advanced(5, 10, "epochs"))
    progress.tell(0, Advanced(10, 10, "epochs"))
    progress.tell(0, Warned("once"))
    progress.tell(1, Advanced(7, 10, "epochs"))
    progress.tell(2, Advanced(3, 30, "images"))
    progress.tell(2, Advanced(10, 16, "epochs"))
    assert told == [
        Advanced(5, 30, "epochs"),
        Advanced(15, 30, "epochs"),
        Warned("once"),
        Advanced(17, 30, "epochs"),
        Advanced(3, 90, "images"),
        Advanced(27, 36, "epochs"),
    ]


def test_a_single_call_tells_its_own():
    told = []
    Progress(1, told.append).tell(0, Advanced(10, 40, "iterations"))
    assert told == [Advanced(10, 40, "iterations")]
