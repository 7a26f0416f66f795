"""Synthetic images as DICOM secondary captures that say in every place that they are synthetic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from augsearch.data.dicom.packages import need_dicom
from augsearch.files import replacing
from augsearch.records import content_key

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileMetaDataset

_PATIENT = "SYNTHETIC"
_LONGEST = {"LO": 64, "ST": 1024}


@dataclass(frozen=True)
class SyntheticOrigin:
    """Where a synthetic image comes from: all that its file tells beside its pixels.

    Attributes:
        study: Name of the study.
        run: What tells the run from others of that name, such as the hash of its study file.
        source: Name of the source.
        label: Name of the class that the image was made for.
        fold: The fold whose training images the source was fitted to, from 0.
        number: Place of the image in the source's pool for that class, from 0.
    """

    study: str
    run: str
    source: str
    label: str
    fold: int
    number: int


def write_secondary_capture(path: Path, pixels: NDArray[np.uint8], origin: SyntheticOrigin) -> None:
    """Write an image as a DICOM secondary capture, atomically.

    The patient's name and ID, the descriptions of study, series and derivation, the comments, the
    tag Synthetic Data (0008,001C) and the conversion type SYN say that it is synthetic. There are
    no dates, and the UIDs follow from `origin` and the pixels: the same image gives the same file.
    Images of one run, fold, source and class are one series.

    Args:
        path: The file to write.
        pixels: uint8, (H, W, 1) grey or (H, W, 3) colour.
        origin: Where the image comes from.

    Raises:
        DataError: pydicom is not installed.
        StorageError: The file cannot be written.
    """
    need_dicom()
    from pydicom.dataset import Dataset

    file = Dataset()
    _say_synthetic(file, origin)
    _identify(file, pixels, origin)
    _set_pixels(file, pixels)
    file.file_meta = _file_meta(file)
    with replacing(path) as temporary:
        file.save_as(temporary, enforce_file_format=True)


def _say_synthetic(file: Dataset, origin: SyntheticOrigin) -> None:
    made = f"source {origin.source}, class {origin.label}, fold {origin.fold}"
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
        f"Synthetic image, not a patient: {made}, image {origin.number} of its pool, "
        f"study {origin.study}",
        "ST",
    )
    file.ImageComments = "Synthetic image, not a patient. Not for diagnosis."
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


def _identify(file: Dataset, pixels: NDArray[np.uint8], origin: SyntheticOrigin) -> None:
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    study = ["augsearch", origin.study, origin.run]
    series = [*study, origin.source, origin.label, str(origin.fold)]
    image = [*series, str(origin.number), content_key(pixels)]
    file.SOPClassUID = SecondaryCaptureImageStorage
    # Joined by a character that no name has, so that no two origins run into each other.
    file.StudyInstanceUID, file.SeriesInstanceUID, file.SOPInstanceUID = (
        generate_uid(entropy_srcs=["\0".join(part)]) for part in (study, series, image)
    )
    file.SeriesNumber = origin.fold + 1
    file.InstanceNumber = origin.number + 1


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
