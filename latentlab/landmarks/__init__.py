"""Faces measured by MediaPipe's face landmarker: where its model is, how it is run, what is read."""
