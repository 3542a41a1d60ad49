"""What leaves firstread: results as DICOM objects, and the hospital's network."""
