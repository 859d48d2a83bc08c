"""The benchmark program, `python -m tests.bench`: ratios of things measured side by side in the same run."""
