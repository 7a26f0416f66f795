"""MLflow: outbox, mirror, layout."""
