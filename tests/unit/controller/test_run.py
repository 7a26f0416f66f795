from augsearch.controller.claiming import settle
from augsearch.controller.run import run_in
from augsearch.events import silent


def test_a_run_that_goes_on_shows_the_study_file_that_it_was_begun_with(ready):
    world = ready()
    world.directory.path.mkdir(exist_ok=True)
    settle(world.directory, world.study, "# as it was begun")
    run_in(world.directory, world.study, "# with other words since", silent)
    report = world.directory.report.read_text()
    assert "# as it was begun" in report
    assert "other words" not in report
