"""Load of a live call, see `__main__`, and whose words it stores, see `talk`."""
