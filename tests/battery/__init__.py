"""What the battery of the cells is made of; see ``tests/models/test_battery.py``."""
