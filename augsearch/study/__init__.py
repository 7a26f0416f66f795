"""The study file: its schema, presets, loading with line numbers; and the results schema."""
