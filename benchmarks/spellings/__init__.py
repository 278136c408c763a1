"""Programs of our own in the EBANA framework's spellings of 2022, 2024 and 2025: only the import lines are ours.

Each has a function ``train`` that runs in the current folder, and gives the model and what the program computed of it.
"""
