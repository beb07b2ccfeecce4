"""Backups of what is to outlive a machine: the database, the settings, the schedules; and the way back."""
