"""What counts as an image file, as a part of a split, and as too few images."""

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
"""Files that are taken for images, in lower case."""

PART_OF = {
    "train": "train",
    "training": "train",
    "tune": "tune",
    "tuning": "tune",
    "val": "tune",
    "valid": "tune",
    "validation": "tune",
    "dev": "tune",
    "test": "test",
    "testing": "test",
}
"""What a split column or folder may be called, in lower case, and the part that it means."""

FEW_IMAGES = 50
"""Training images of a class below which GANs were seen to harm (published: 20 to 50)."""
