"""Flags that several subcommands share, and what each group of them says."""
