"""What a run tells MLflow. Every call writes to a local file and returns at once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from augsearch.events import Notify, silent
from augsearch.records import Evaluation
from augsearch.tracking import layout
from augsearch.tracking.courier import Courier
from augsearch.tracking.delivery import Delivery
from augsearch.tracking.outbox import (
    Action,
    FileAdded,
    Outbox,
    PointsLogged,
    RunClosed,
    RunOpened,
    TagsSet,
)
from augsearch.tracking.store import absolute_uri
from augsearch.tracking.trust import sync_command

Named = tuple[str, Action]

_MAX_TAG = 5000
"""What every MLflow store takes of a tag's value."""

_Trial = tuple[Evaluation, Sequence[tuple[int, int]], int]


class Tracker:
    """Keeps the outbox of one run directory and has it delivered in the background.

    A resumed run may repeat every call: what was said before is not written again. Nothing here
    fails or waits because of MLflow; only a full disk raises (`StorageError`).
    """

    def __init__(
        self,
        outbox: Path,
        uri: str,
        experiment: str,
        title: str = "",
        notify: Notify = silent,
        foreign: bool = False,
    ) -> None:
        """Open the outbox and begin to deliver what an earlier process left in it.

        Args:
            outbox: The file, outbox.jsonl in the run directory.
            uri: MLflow tracking URI.
            experiment: Name of the experiment; made if it is not there.
            title: Stands before the name of every run without a parent, for an experiment that
                several studies share.
            notify: Takes warnings; called from the delivering thread.
            foreign: Whether the store may be somebody else's choice, as in `experiment`.
        """
        self._outbox = Outbox.open(outbox, absolute_uri(uri), experiment)
        self._title = f"{title}: " if title else ""
        self._trials: dict[str, dict[tuple[float, int], _Trial]] = {}
        self._delivery = Delivery(self._outbox, notify, foreign)
        self._courier = Courier(
            self._delivery,
            notify,
            f"Everything is kept in {outbox} and sent as soon as the store answers; if the run "
            f"ends before that: {sync_command(outbox.parent, uri)}",
        )
        self._courier.wake()

    def start_arm(self, arm: str, parameters: Mapping[str, str]) -> None:
        """Open the arm's parent run.

        Args:
            arm: Name of the arm.
            parameters: The study file flattened, versions, device ...
        """
        run = layout.arm_run(arm)
        self._append(
            [self._opened(run), (f"parameters:{run.run}", layout.parameters(run.run, parameters))]
        )

    def trial(
        self,
        arm: str,
        evaluation: Evaluation,
        cells: Sequence[tuple[int, int]],
        round_: int = 0,
    ) -> None:
        """Add one amount to the arm's curves, or add it anew with further replicates.

        Args:
            arm: Name of the arm.
            evaluation: The amount and its scores.
            cells: (fold, replicate) of each score, in the same order.
            round_: Which round of replicates is the last among them, from 0.
        """
        runs = [layout.arm_run(arm), *(layout.cell_run(arm, *cell) for cell in cells)]
        actions = [self._opened(run) for run in runs]
        trials = self._trials.setdefault(arm, {})
        trials[evaluation.multiple, round_] = (evaluation, cells, round_)
        if layout.whole(evaluation.multiple):
            actions.append(_points("trial", arm, evaluation, cells, round_))
        if not all(layout.whole(multiple) for multiple, _ in trials):
            actions += [_points("trial-x100", arm, *trial) for trial in trials.values()]
        self._append(actions)

    def setting(self, arm: str, number: int, score: float) -> None:
        """Add the mean score of one setting of the arm's classifier, at its number from 0."""
        run = layout.arm_run(arm)
        points = layout.metric_points(run.run, {"tuning_setting_score": score}, step=number)
        self._append([self._opened(run), (f"setting:{arm}:{number}", PointsLogged(points))])

    def choose_setting(self, arm: str, setting: Mapping[str, str]) -> None:
        """Add the chosen setting, key -> JSON text, to the arm's parameters as setting.KEY."""
        run = layout.arm_run(arm)
        values = {f"setting.{key}": value for key, value in setting.items()}
        chosen = layout.parameters(run.run, values)
        self._append([self._opened(run), (f"setting:{run.run}", chosen)])

    def training(
        self, source: str, fold: int, iteration: int, metrics: Mapping[str, float]
    ) -> None:
        """Add losses and the like of a source's training, at an iteration."""
        run = layout.source_run(source, fold)
        points = layout.metric_points(run.run, metrics, iteration)
        name = f"training:{source}:{fold}:{iteration}"
        self._append(
            [self._opened(layout.study_run()), self._opened(run), (name, PointsLogged(points))]
        )

    def audit(
        self, source: str, fold: int, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """Add what the audit of a source found in a fold, with the tags that say so."""
        run = layout.source_run(source, fold)
        points = layout.metric_points(run.run, metrics, step=0)
        self._append(
            [
                self._opened(layout.study_run()),
                self._opened(run),
                (f"audit:{run.run}", PointsLogged(points)),
                _tagged(run.run, tags),
            ]
        )

    def tag(self, tags: Mapping[str, str], arm: str | None = None) -> None:
        """Add tags to an arm's run; None: to the run "study"."""
        run = layout.study_run() if arm is None else layout.arm_run(arm)
        self._append([self._opened(run), _tagged(run.run, tags)])

    def finish_arm(self, arm: str, scalars: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Close the arm's runs.

        Args:
            arm: Name of the arm.
            scalars: multiple_best, score_best, gain ...; those that are not finite are left out.
            tags: The verdict, why the search stopped ...
        """
        run = layout.arm_run(arm)
        finite = {key: value for key, value in scalars.items() if math.isfinite(value)}
        points = layout.metric_points(run.run, finite, step=0)
        children = [key for key in self._opened_runs() if key.startswith(f"{run.run}/")]
        self._append(
            [
                self._opened(run),
                (f"scalars:{run.run}", PointsLogged(points)),
                *(_closed(child, {}) for child in children),
                _closed(run.run, tags),
            ]
        )

    def artifact(self, path: Path, arm: str | None = None, folder: str = "") -> None:
        """Add a file, or a folder with all in it, to an arm's run.

        Args:
            path: What to add, in the run directory. The same path with new content is sent again.
            arm: Name of the arm; None: the run "study", for what belongs to all arms.
            folder: Where among the artifacts it goes.
        """
        run = layout.study_run() if arm is None else layout.arm_run(arm)
        base = self._outbox.path.parent.resolve()
        place = path.resolve()
        shown = place.relative_to(base).as_posix()
        name = f"artifact:{run.run}:{folder}:{shown}:{_content(place)}"
        self._append([self._opened(run), (name, FileAdded(run.run, shown, folder))])

    @property
    def undelivered(self) -> int:
        """Entries that MLflow does not have yet."""
        return self._delivery.undelivered

    def close(self, timeout_s: float = 10.0) -> int:
        """Stop delivering, after one more attempt of at most `timeout_s` seconds.

        If every arm that was started is finished, so is the study's own run.

        Returns:
            Entries that are not delivered; 0 means that all is there.
        """
        runs = self._opened_runs()
        arms = [key for key in runs if key.count("/") == 1 and key.startswith("arm/")]
        if arms and all(f"close:{arm}" in self._outbox for arm in arms):
            others = [key for key in runs if not key.startswith("arm/")]
            self._append([_closed(key, {}) for key in others])
        self._courier.close(timeout_s)
        return self.undelivered

    def _opened(self, run: RunOpened) -> Named:
        titled = run if run.parent else replace(run, name=self._title + run.name)
        return f"run:{run.run}", titled

    def _append(self, actions: Iterable[Named]) -> None:
        if self._outbox.append(actions):
            self._courier.wake()

    def _opened_runs(self) -> list[str]:
        actions = (entry.action for entry in self._outbox.entries)
        return [action.run for action in actions if isinstance(action, RunOpened)]


def _tagged(run: str, tags: Mapping[str, str]) -> Named:
    cut = {key: value[:_MAX_TAG] for key, value in tags.items()}
    return f"tags:{run}:{sorted(cut.items())}", TagsSet(run, cut)


def _closed(run: str, tags: Mapping[str, str]) -> Named:
    return f"close:{run}", RunClosed(run, dict(tags))


def _points(
    kind: str, arm: str, evaluation: Evaluation, cells: Sequence[tuple[int, int]], round_: int
) -> Named:
    known = len(cells) * round_ // (round_ + 1)  # all rounds are of one size
    scaled = kind == "trial-x100"
    points = layout.score_points(arm, evaluation, cells, scaled, known)
    later = f":round {round_}" if round_ else ""
    return f"{kind}:{arm}:{layout.number(evaluation.multiple)}{later}", PointsLogged(points)


def _content(path: Path) -> str:
    """Return a short hash of a file, or of all files of a folder with their names."""
    digest = hashlib.sha256()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            digest.update(repr(str(file.relative_to(path))).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
