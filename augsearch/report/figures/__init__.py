"""The report's pictures: SVG text, and galleries of images as PNG."""

from augsearch.report.figures.catalogue import all_figures as all_figures
