"""A simulated PBX that speaks AMI: the demo's and the tests'. It invents a house, a day, and the calls in it."""
