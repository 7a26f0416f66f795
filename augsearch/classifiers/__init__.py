"""What a classifier is, and those there are: frozen, end to end, visual words, discriminator."""
