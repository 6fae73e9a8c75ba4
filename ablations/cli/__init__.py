"""The command line: the only part that knows studies, training and reports together."""
