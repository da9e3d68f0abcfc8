"""What each command does, behind the words of cli.py."""
