"""`python -m mockkraken`, the same as the `mockkraken` command."""

from mockkraken.cli import main

if __name__ == "__main__":
    main()
