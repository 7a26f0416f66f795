"""Which of a source's images are kept: selections, and the quarantine of copies."""
