"""Finding images, however they are laid out: folders, tables, arrays, DICOM."""
