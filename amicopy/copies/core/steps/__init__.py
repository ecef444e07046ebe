"""Steps after a copy: what is done to a finished AMI, approved together with it.

`table` has a row for each step, `wanted` reads what a person or a program asks for, `step_models` keeps how far each
is. The rules that look at a call are in `copies.rules.steps`, AWS's calls in `copies.engine.steps`.
"""
