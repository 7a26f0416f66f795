"""What others are given of a finished run: images, model, features, each with a card."""
