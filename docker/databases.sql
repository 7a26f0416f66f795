-- Beside the ledger, which the server makes at its first start: what MLflow keeps.
CREATE DATABASE mlflow;
CREATE DATABASE mlflow_auth;
