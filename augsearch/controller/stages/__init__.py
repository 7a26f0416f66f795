"""The stages of a run, from reading the images to opening the test set."""
