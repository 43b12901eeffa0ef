"""Create a job once, wait for it, return to it, and use the model that it leaves behind."""
