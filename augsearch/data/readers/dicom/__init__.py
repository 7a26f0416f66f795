"""DICOM files: single-frame grey images in, synthetic secondary captures out."""
