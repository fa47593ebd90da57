"""The list of model files and the check that each is the one that was measured."""
