"""The whole way in a browser, from a folder of images to a judged model: `firstread app`."""
