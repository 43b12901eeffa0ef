"""Tests of what an example is."""
