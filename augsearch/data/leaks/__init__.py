"""What in the data could make the answer wrong: images that cross a boundary, contradictions."""
