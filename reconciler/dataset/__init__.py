"""Training data: what a file is (facts), how it is read, what may be wrong, how it is counted."""
