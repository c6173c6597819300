"""Policy directories, their versions in service, their lineage."""
