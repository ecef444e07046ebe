"""`python -m amicopy_cli`."""

from amicopy_cli.main import main

main()
