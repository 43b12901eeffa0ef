"""Servers that stand in for the real services, over real sockets on this machine."""
