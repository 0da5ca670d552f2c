"""The pages of running contracts in the three workspaces."""
