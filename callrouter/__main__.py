"""`python -m callrouter` is `callrouter`."""

from callrouter.cli import main

if __name__ == "__main__":
    main()
