"""What each place keeps: `intake` for the intake host, `desk` for the desk. Neither knows the other or the web."""
