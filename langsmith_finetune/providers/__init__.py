"""Who trains: a file or folder per provider, each an object that the caller makes and passes in.

`base.py` says what a provider is. Importing this package loads none of them.
"""
