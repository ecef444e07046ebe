"""The part that extends moto's EC2.

moto finds `urls.py` by the name of the module its backend class is in, which must be `models.py`. A package
of its own keeps Django from taking that module for the models of the app.
"""
