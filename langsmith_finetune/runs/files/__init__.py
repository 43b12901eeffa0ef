"""Runs from files: JSON lines and bulk exports, on disk or in object storage."""
