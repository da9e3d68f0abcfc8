"""What else tells of calls: the PBX's own logs, read after the event stream had a gap."""
