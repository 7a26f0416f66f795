"""Reading images, preprocessing, splits, built-in demo data."""
