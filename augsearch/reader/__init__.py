"""Reader assessment: one HTML page of real and synthetic images, and the score of its answers."""
