"""What is kept: calls, their journeys and the gaps, in one SQLite file. Measurements only; verdicts follow."""
