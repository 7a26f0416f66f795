"""The networks of a GAN, their losses, and one training iteration of each kind."""
