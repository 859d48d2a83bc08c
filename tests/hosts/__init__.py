"""Tests on real Docker engines: hosts of the sandbox, driven through their Remote APIs by the real command."""
