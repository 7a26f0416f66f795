import re
from pathlib import PureWindowsPath

import pytest

from augsearch.study.controls import KINDS, control_kind, control_name, control_source
from augsearch.study.schema.tables import NAME_PATTERN


@pytest.mark.parametrize("kind", KINDS)
def test_a_control_is_a_file_everywhere_and_no_arm_or_source_of_a_study(kind: str) -> None:
    for name in (control_name("a.b-c_1", kind), control_source(kind)):
        assert re.match(NAME_PATTERN, name) is None
        assert not set(name) & set('<>:"/\\|?*')
        assert name == name.strip(" .") == PureWindowsPath(name).name
        assert name.isascii()


def test_kinds_are_read_back() -> None:
    names = [control_name("arm", kind) for kind in KINDS]
    assert [control_kind(name) for name in names] == list(KINDS)
    assert control_kind("arm") is control_kind("repeat-control") is None
