"""Faces measured by MediaPipe: where its model is, how it is run, what is read off a face."""
