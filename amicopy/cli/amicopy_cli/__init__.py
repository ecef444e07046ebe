"""The command line of amicopy: programs and people in terminals, by the API and nothing else."""

__version__ = "0.1.0"
