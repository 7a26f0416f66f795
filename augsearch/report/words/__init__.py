"""The sentences of the report: the result, the searches, the methods with their references."""
