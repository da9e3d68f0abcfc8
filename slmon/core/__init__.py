"""The rules: what a call is, when it is answered, what it counts as. Pure: no clock, file, socket or log."""
