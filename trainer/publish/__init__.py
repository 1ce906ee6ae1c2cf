"""What a style folder holds for people to look at."""
