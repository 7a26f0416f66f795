"""Synthetic images as DICOM secondary captures that say in every place that they are synthetic."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from augsearch.data.readers.dicom.packages import need_dicom
from augsearch.export.manifest import SAYS, Origin, Row
from augsearch.files import replacing
from augsearch.records import content_key

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileMetaDataset

_PATIENT = "SYNTHETIC"
_LONGEST = {"LO": 64, "ST": 1024}


def write_secondary_capture(
    path: Path, pixels: NDArray[np.uint8], row: Row, origin: Origin
) -> None:
    """Write an image as a DICOM secondary capture, atomically.

    The patient's name and ID, the descriptions of study, series and derivation, the comments, the
    tag Synthetic Data (0008,001C) and the conversion type SYN say that it is synthetic. There are
    no dates, and the UIDs follow from origin and pixels: the same image gives the same file.
    Images of one run, fold, source and class are one series.

    Args:
        path: The file to write.
        pixels: uint8, (H, W, 1) grey or (H, W, 3) colour.
        row: Its line of the manifest.
        origin: Where it comes from.

    Raises:
        DataError: pydicom is not installed.
        StorageError: The file cannot be written.
    """
    need_dicom()
    from pydicom.dataset import Dataset

    file = Dataset()
    _say_synthetic(file, row, origin)
    _identify(file, pixels, row, origin)
    _set_pixels(file, pixels)
    file.file_meta = _file_meta(file)
    with replacing(path) as temporary:
        file.save_as(temporary, enforce_file_format=True)


def _say_synthetic(file: Dataset, row: Row, origin: Origin) -> None:
    made = f"source {row.source}, class {row.label}, fold {origin.fold}"
    file.SpecificCharacterSet = "ISO_IR 192"
    file.ImageType = ["DERIVED", "SECONDARY"]
    file.SyntheticData = "YES"
    file.ConversionType = "SYN"
    file.BurnedInAnnotation = "NO"
    file.Modality = "OT"
    file.PatientName = "SYNTHETIC^NOT A PATIENT"
    file.PatientID = _PATIENT
    file.StudyDescription = _text(f"Synthetic images: {origin.study}", "LO")
    file.SeriesDescription = _text(f"Synthetic images: {made}", "LO")
    file.DerivationDescription = _text(
        f"Synthetic image, not a patient: {made}, image {row.number} of its pool, "
        f"study {origin.study}",
        "ST",
    )
    file.ImageComments = SAYS
    file.Manufacturer = "augsearch"
    file.SecondaryCaptureDeviceManufacturer = "augsearch"
    for unknown in (
        "PatientBirthDate",
        "PatientSex",
        "StudyDate",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "ReferringPhysicianName",
        "PatientOrientation",
    ):
        setattr(file, unknown, "")


def _identify(file: Dataset, pixels: NDArray[np.uint8], row: Row, origin: Origin) -> None:
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    study = ["augsearch", origin.study, origin.run]
    series = [*study, row.source, row.label, str(origin.fold)]
    image = [*series, str(row.number), content_key(pixels)]
    file.SOPClassUID = SecondaryCaptureImageStorage
    # Joined by a character that no name has, so that no two origins run into each other.
    file.StudyInstanceUID, file.SeriesInstanceUID, file.SOPInstanceUID = (
        generate_uid(entropy_srcs=["\0".join(part)]) for part in (study, series, image)
    )
    file.SeriesNumber = origin.fold + 1
    file.InstanceNumber = row.number + 1


def _set_pixels(file: Dataset, pixels: NDArray[np.uint8]) -> None:
    file.Rows, file.Columns, file.SamplesPerPixel = pixels.shape
    file.PhotometricInterpretation = "MONOCHROME2" if file.SamplesPerPixel == 1 else "RGB"
    if file.SamplesPerPixel > 1:
        file.PlanarConfiguration = 0
    file.BitsAllocated = file.BitsStored = 8
    file.HighBit = 7
    file.PixelRepresentation = 0
    data = np.ascontiguousarray(pixels).tobytes()
    file.add_new("PixelData", "OB", data + b"\0" * (len(data) % 2))


def _file_meta(file: Dataset) -> FileMetaDataset:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = file.SOPClassUID
    meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def _text(text: str, representation: str) -> str:
    r"""Cut a text to what a value may hold; a backslash would separate two values."""
    return re.sub(r"[\\\x00-\x1f\x7f]", " ", text)[: _LONGEST[representation]]
