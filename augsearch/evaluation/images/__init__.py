"""Synthetic images beside real ones: copies, variety, distances, and what follows from them."""
