"""Asterisk's Manager Interface: bytes in, core events out. The only room that knows AMI's words."""
