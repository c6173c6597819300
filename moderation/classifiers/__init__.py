"""The classifiers behind the seam: embedded, Detoxify, remote, and how they combine."""
