"""What a run has lost or changed before it was posted: found, and noted or refused."""
