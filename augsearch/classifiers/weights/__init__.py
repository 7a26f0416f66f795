"""Network weights in the forms people have them in, read without running any code."""
