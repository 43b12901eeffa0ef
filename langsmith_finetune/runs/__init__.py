"""Choose the runs worth learning from: from LangSmith, from its lists, from files."""
