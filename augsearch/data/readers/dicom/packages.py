"""The packages that DICOM always needs, asked for before any of them is imported."""

from __future__ import annotations

from importlib.util import find_spec

from augsearch.errors import DataError

_PACKAGE_OF = {"pydicom": "pydicom", "gdcm": "python-gdcm"}


def need_dicom() -> None:
    """Make sure that DICOM files can be read and written.

    Raises:
        DataError: A package of the extra is not installed.
    """
    missing = [package for module, package in _PACKAGE_OF.items() if find_spec(module) is None]
    if missing:
        raise DataError(
            f"DICOM needs {', '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not "
            "installed; run: pip install 'augsearch[dicom]'"
        )
