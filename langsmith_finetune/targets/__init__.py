"""Where a training file may go: the rules of each target, the check, and the rows it reads."""
