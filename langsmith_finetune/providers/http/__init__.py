"""The way over the network that hosted providers share: bounded, without redirects, with keys masked."""
