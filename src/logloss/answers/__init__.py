"""What all answers share: estimates with intervals, small tables, figures as JSON."""
