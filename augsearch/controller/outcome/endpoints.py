"""Further endpoints of a study: gains over the baseline on the test set, beside that in the AUC."""

from __future__ import annotations

from augsearch.controller.stages.answer import Outcome
from augsearch.controller.stages.preparation import Prepared
from augsearch.evaluation.inference.endpoints import endpoint_gain
from augsearch.evaluation.inference.verdict import NOTHING_TO_GAIN
from augsearch.evaluation.metrics import get_metric
from augsearch.study.results import EndpointGain, finite


def endpoint_gains(prepared: Prepared, name: str, outcome: Outcome) -> dict[str, EndpointGain]:
    """Return an arm's gain over the baseline in every further endpoint.

    Args:
        prepared: The study, its test images and its seed.
        name: The arm.
        outcome: What the test set said.

    Returns:
        Endpoint -> gain. Empty for the baseline, and where one of the two was not tested.
    """
    baseline = prepared.study.baseline_arm
    test = outcome.outputs("test")
    base, chosen = test.get(baseline), test.get(name)
    if name == baseline or base is None or chosen is None or prepared.test is None:
        return {}
    evaluation, gains = prepared.study.evaluation, {}
    for endpoint in evaluation.endpoints:
        found = NOTHING_TO_GAIN
        if chosen is not base:
            found = endpoint_gain(
                get_metric(endpoint),
                prepared.test.labels,
                base,
                chosen,
                evaluation.confidence,
                prepared.seed.child("endpoint", endpoint),  # the same draws for every arm
                base_groups=outcome.groups.get(baseline),
                chosen_groups=outcome.groups.get(name),
                patients=prepared.test.patients,
            )
        gains[endpoint] = EndpointGain(
            value=finite(found.gain),
            low=finite(found.low),
            high=finite(found.high),
            label=found.label,
            note=found.note,
        )
    return gains
