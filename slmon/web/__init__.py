"""What people look at: the wallboard and the goals page. Draws figures; counts and judges nothing."""
