"""MLflow, by way of a local outbox: nothing is lost and the run never waits for a server."""
