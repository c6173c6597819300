"""Data sets in the field's formats: read with a report, kept under a named source, written."""
