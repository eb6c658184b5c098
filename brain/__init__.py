"""Science Brain: the command line, the settings and the services of the platform."""
