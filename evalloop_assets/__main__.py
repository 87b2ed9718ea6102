"""`python -m evalloop_assets` is the `evalloop` command."""

from evalloop_assets.cli import main

main()
