"""The hospital's network: images in, results out, over DIMSE and DICOMweb."""
