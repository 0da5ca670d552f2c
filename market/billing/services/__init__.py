"""What may be done to running contracts, by act."""
