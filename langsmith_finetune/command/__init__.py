"""The command line, `langsmith-finetune`: a thin layer over the public functions.

One file per subcommand; `main.py` lists them. Such a file has

    HELP = "one line"
    def add_arguments(parser): ...
    def run(args, out) -> int: ...        # an exit code of `exits`

and imports what it uses inside `run`, so that `--help` is quick. `options/` holds the flags that several share.
"""
