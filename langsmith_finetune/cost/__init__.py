"""How many tokens a file has, and what training on it costs."""
