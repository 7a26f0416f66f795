"""Cells: what they train on and how they are mapped over the machine."""
