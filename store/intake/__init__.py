"""What the intake host keeps: sealed objects, replies it cannot open, and the bundles that come and go."""
