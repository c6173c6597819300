"""What an iteration leaves for people: report, plots, model card."""
