"""find_optimal_multiple(), its rules and its ledger."""
