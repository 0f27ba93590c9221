"""What every answer is: its estimates, its small tables, its figures as JSON."""
