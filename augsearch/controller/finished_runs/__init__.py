"""What is made of finished runs: exports, comparisons, reader pages, reports, the search lab."""
