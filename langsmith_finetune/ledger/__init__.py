"""Who is in the model: run <-> line <-> file <-> job <-> model."""
