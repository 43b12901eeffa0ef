"""How runs are read from LangSmith: its two read APIs, by time window and by id."""
