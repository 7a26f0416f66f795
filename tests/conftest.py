import pytest
from hypothesis import settings

# A busy machine is no defect: how long an example takes is no test.
settings.register_profile("augsearch", deadline=None)
settings.load_profile("augsearch")


@pytest.fixture(scope="session")
def save_dicom():
    """Write a DICOM file: path, values, and what differs from 16 bits, uncompressed, one patient.

    `syntax` is a keyword of pydicom.uid; other keywords are attributes, None takes one away. JPEG
    and JPEG 2000 are compressed by GDCM, JPEG-LS by CharLS, RLE by pydicom.
    """
    from pydicom import uid
    from pydicom.dataset import Dataset, FileMetaDataset

    def save(path, values, syntax="ExplicitVRLittleEndian", bits=16, **attributes):
        file = Dataset()
        file.SOPClassUID = uid.SecondaryCaptureImageStorage
        file.SOPInstanceUID = uid.generate_uid()
        file.PatientID = "one"
        file.Rows, file.Columns = values.shape
        file.SamplesPerPixel = 1
        file.PhotometricInterpretation = "MONOCHROME2"
        file.BitsAllocated = 8 if bits <= 8 else 16
        file.BitsStored, file.HighBit = bits, bits - 1
        file.PixelRepresentation = int(values.min() < 0)
        file.file_meta = FileMetaDataset()
        file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID
        file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
        file.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        path.parent.mkdir(parents=True, exist_ok=True)
        data = values.astype(f"<{'ui'[file.PixelRepresentation]}{file.BitsAllocated // 8}")
        _set_pixels(file, data, getattr(uid, syntax), path)
        for keyword, value in attributes.items():
            if value is None:
                delattr(file, keyword)
            else:
                setattr(file, keyword, value)
        file.save_as(path, enforce_file_format=True)

    return save


def _set_pixels(file, data, target, path):
    """Encode the pixel data for a transfer syntax; GDCM takes them from a file at `path`."""
    from pydicom import encaps, uid

    order = "<" if target.is_little_endian else ">"
    plain = data.astype(data.dtype.newbyteorder(order)).tobytes()
    kind = "OB" if file.BitsAllocated == 8 else "OW"
    file.add_new("PixelData", kind, plain + b"\0" * (len(plain) % 2))
    if target in (uid.RLELossless, uid.JPEGLSLossless):
        plugin = "pydicom" if target == uid.RLELossless else "pyjpegls"
        file.compress(target, data, encoding_plugin=plugin, generate_instance_uid=False)
    elif target.is_encapsulated:
        file.save_as(path, enforce_file_format=True)
        file.add_new("PixelData", "OB", encaps.encapsulate([_compressed(path, target)]))
        file["PixelData"].is_undefined_length = True
    file.file_meta.TransferSyntaxUID = target


def _compressed(path, target):
    """Return the frame of a file compressed by GDCM."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(target))))
    change.SetInput(reader.GetImage())
    assert change.Change(), target.name
    fragments = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    stream = fragments.GetFragment(0).GetByteValue().GetBuffer()
    return stream.encode("utf-8", "surrogateescape")
