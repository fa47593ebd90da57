"""A recorded file, from opening to publishing."""
