"""Training and evaluation of the classifier that ships."""
