"""A stream of real records with made faults, a simulated reviewer, and what the engine makes of both."""
