"""`python -m ablations` is the console script."""

from ablations.cli.commands import main

if __name__ == "__main__":
    main()
