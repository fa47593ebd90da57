"""All that knows media files: probing, decoding, encoding, composing."""
