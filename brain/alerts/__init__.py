"""Alerts: what holds today, what of it is new or over, and who is told.

`current` reads what holds: the alert marts of the current release, the age of the sources by the clock, incidents that
the scheduler reported. `record` remembers, append-only, which alerts began, grew worse and ended. `deliver` tells every
channel each of these events once; `channels` knows the shapes of the messages; `notifier` is Airflow's way in.
"""
