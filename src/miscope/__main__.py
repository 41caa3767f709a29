"""`python -m miscope` is the command `miscope`."""

from miscope.cli import main

if __name__ == "__main__":
    main()
