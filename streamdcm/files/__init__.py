"""A DICOM file as the source of a write."""
