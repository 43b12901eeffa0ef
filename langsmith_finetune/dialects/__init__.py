"""Read what a producer wrote: a run's payload -> one conversation, one file per dialect."""
